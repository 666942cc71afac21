//! Events: which kind the event of a number is, and its ids, times and prices. All of it is
//! arithmetic in 64 bits, so that another language gives the same.

use super::options::NexmarkOptions;

/// Ids of persons and auctions begin here. The original adds it twice to bidders, so that
/// its bidders are never among its persons; here they are.
const FIRST_ID: u64 = 1000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;
/// Bids go to one of the last so many auctions.
const AUCTIONS_IN_FLIGHT: u64 = 100;
/// Bidders and sellers are among the last so many persons.
const ACTIVE_PERSONS: u64 = 1000;
/// Ids so far ahead of the last are named as well.
const LEAD: u64 = 10;
/// The hot auction, bidder and seller change once in so many ids.
const HOT_STEP: u64 = 100;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number is the value of `event_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Auction,
    Bid,
}

/// Which random number of an event is meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    Auction,
    Bidder,
    Price,
    Channel,
    Extra,
    ItemName,
    Description,
    Reserve,
    Expires,
    Seller,
    Category,
    Name,
    Email,
    CreditCard,
    City,
}

/// Mixes all bits of `x` (the finaliser of SplitMix64).
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Number `at` of the sequence that `base` begins.
pub(super) fn random(base: u64, at: u64) -> u64 {
    mix(base.wrapping_add(at.wrapping_mul(GOLDEN)))
}

/// 32 random bits to a number below `bound`, which is below 2^32.
pub(super) fn below(bits: u32, bound: u64) -> u64 {
    (u64::from(bits) * bound) >> 32
}

/// The two halves of a random number.
pub(super) fn halves(x: u64) -> (u32, u32) {
    ((x >> 32) as u32, x as u32)
}

/// 100 to 100,000,000, evenly in the logarithm to within 0.02 %.
fn price(x: u64) -> u64 {
    // 6·log2(10) in 27 bits of fraction: x is then the exponent of two, in 32 bits of fraction.
    let exponent = ((x >> 32) * 2_675_169_849) >> 27;
    let (whole, f) = (exponent >> 32, exponent & 0xffff_ffff);
    // 2^f as a polynomial of third degree that is exact at 0 and 1.
    let p = 0x39dc_2ace + ((f * 0x1417_8b78) >> 32);
    let p = 0xb20c_49ba + ((f * p) >> 32);
    let p = (1 << 32) + ((f * p) >> 32);
    // A hundredfold in 20 bits of fraction, times two to the whole part.
    (((((p >> 12) * 100) << whole) + (1 << 19)) >> 20).min(100_000_000)
}

/// An event's number, and what follows from it alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// Its row in the batch.
    pub slot: usize,
    pub number: u64,
    pub time_ms: i64,
    /// The newest person and auction, counted from 0; this one's own if it is one.
    pub person: u64,
    pub auction: u64,
}

/// Numbers of events to their content.
#[derive(Debug)]
pub(super) struct Model {
    pub options: NexmarkOptions,
    /// Where the random numbers of each [`Draw`] begin.
    bases: [u64; Draw::City as usize + 1],
    /// Bound of an auction's length in milliseconds: twice the time of as many auctions as are in flight.
    longest_ms: u64,
}

/// Events of one kind in a batch.
pub(super) type Events = Vec<Event>;

/// The events of a batch by kind.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub rows: usize,
    pub kinds: Vec<i32>,
    pub persons: Events,
    pub auctions: Events,
    pub bids: Events,
}

impl Made {
    pub(super) fn of(&self, kind: Kind) -> &[Event] {
        match kind {
            Kind::Person => &self.persons,
            Kind::Auction => &self.auctions,
            Kind::Bid => &self.bids,
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows = 0;
        self.kinds.clear();
        self.persons.clear();
        self.auctions.clear();
        self.bids.clear();
    }
}

impl Model {
    pub(super) fn new(options: NexmarkOptions) -> Self {
        let mut bases = [0; Draw::City as usize + 1];
        for (base, draw) in bases.iter_mut().zip(0u64..) {
            *base = random(mix(options.seed), draw);
        }
        let events = AUCTIONS_IN_FLIGHT * (options.persons + options.auctions + options.bids) / options.auctions;
        let longest_ms = (events * 1000 / options.rate * 2).clamp(1, u64::from(u32::MAX));
        Self { options, bases, longest_ms }
    }

    /// Adds `count` events from number `first` on.
    pub(super) fn make(&self, first: u64, count: u64, to: &mut Made) {
        let o = &self.options;
        let total = o.persons + o.auctions + o.bids;
        let (mut epoch, mut offset) = (first / total, first % total);
        let wide = u128::from(first) * 1000;
        let mut passed = (wide / u128::from(o.rate)) as u64;
        let mut rest = (wide % u128::from(o.rate)) as u64;
        let (step, step_rest) = (1000 / o.rate, 1000 % o.rate);
        for number in first..first.saturating_add(count) {
            let time_ms = o.base_time_ms.saturating_add_unsigned(passed);
            let slot = to.rows;
            to.rows += 1;
            let person = epoch * o.persons + offset.min(o.persons - 1);
            let auctions = (offset + 1).saturating_sub(o.persons).min(o.auctions);
            let auction = (epoch * o.auctions + auctions).saturating_sub(1);
            let event = Event { slot, number, time_ms, person, auction };
            let (kind, events) = if offset < o.persons {
                (Kind::Person, &mut to.persons)
            } else if offset < o.persons + o.auctions {
                (Kind::Auction, &mut to.auctions)
            } else {
                (Kind::Bid, &mut to.bids)
            };
            to.kinds.push(kind as i32);
            events.push(event);
            offset += 1;
            if offset == total {
                (epoch, offset) = (epoch + 1, 0);
            }
            passed += step;
            rest += step_rest;
            if rest >= o.rate {
                (passed, rest) = (passed + 1, rest - o.rate);
            }
        }
    }

    /// A random number of an event.
    pub(super) fn draw(&self, draw: Draw, event: &Event) -> u64 {
        let base = self.bases.get(draw as usize).copied().unwrap_or_default();
        random(base, event.number)
    }

    pub(super) fn person_id(event: &Event) -> i64 {
        (FIRST_ID + event.person) as i64
    }

    pub(super) fn auction_id(event: &Event) -> i64 {
        (FIRST_ID + event.auction) as i64
    }

    /// Any person of the active ones and some to come.
    fn any_person(event: &Event, bits: u32) -> u64 {
        let persons = event.person + 1;
        let active = persons.min(ACTIVE_PERSONS);
        persons - active + below(bits, active + LEAD)
    }

    /// The auction that a bid is for.
    pub(super) fn bid_auction(&self, event: &Event) -> i64 {
        let (any, hot) = halves(self.draw(Draw::Auction, event));
        // Both are computed: which one it is cannot be foreseen, by the processor either.
        let first = event.auction.saturating_sub(AUCTIONS_IN_FLIGHT);
        let any = first + below(any, event.auction - first + 1 + LEAD);
        let hottest = event.auction / HOT_STEP * HOT_STEP;
        let auction = if below(hot, self.options.hot_auctions) > 0 { hottest } else { any };
        (FIRST_ID + auction) as i64
    }

    pub(super) fn bidder(&self, event: &Event) -> i64 {
        let (any, hot) = halves(self.draw(Draw::Bidder, event));
        let any = Self::any_person(event, any);
        let hottest = event.person / HOT_STEP * HOT_STEP + 1;
        let person = if below(hot, self.options.hot_bidders) > 0 { hottest } else { any };
        (FIRST_ID + person) as i64
    }

    pub(super) fn seller(&self, event: &Event) -> i64 {
        let (any, hot) = halves(self.draw(Draw::Seller, event));
        let person = if below(hot, self.options.hot_sellers) > 0 {
            event.person / HOT_STEP * HOT_STEP
        } else {
            Self::any_person(event, any)
        };
        (FIRST_ID + person) as i64
    }

    /// Of a bid, and the first one of an auction.
    pub(super) fn price(&self, event: &Event) -> i64 {
        price(self.draw(Draw::Price, event)) as i64
    }

    pub(super) fn reserve(&self, event: &Event) -> i64 {
        self.price(event) + price(self.draw(Draw::Reserve, event)) as i64
    }

    pub(super) fn expires(&self, event: &Event) -> i64 {
        let (bits, _) = halves(self.draw(Draw::Expires, event));
        event.time_ms.saturating_add_unsigned(1 + below(bits, self.longest_ms))
    }

    pub(super) fn category(&self, event: &Event) -> i64 {
        let (bits, _) = halves(self.draw(Draw::Category, event));
        (FIRST_CATEGORY + below(bits, CATEGORIES)) as i64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_even_in_the_logarithm() {
        assert_eq!(price(0), 100);
        assert_eq!(price(u64::MAX), 100_000_000);
        for i in 0..10_000u64 {
            let u = i as f64 / 10_000.0;
            let exact = 100.0 * 10f64.powf(6.0 * u);
            let given = price((u * 2f64.powi(64)) as u64) as f64;
            assert!((given - exact).abs() <= 0.5 + exact * 0.0002, "{given} for {exact}");
        }
    }
}
