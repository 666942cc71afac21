//! The texts of events. Words and padding are cut out of one long row of letters, channels
//! and their URLs stand in a table: nothing is allocated for an event.

use super::event::{Draw, Event, Kind, Model, below, halves, random};

/// Texts of up to this length are copied as so many bytes, and what is too much is cut off: lengths
/// that cannot be foreseen cost more than bytes.
const BLOCK: usize = 128;
/// Names of channels are shorter.
const SHORT: usize = 16;
/// Words begin at one of so many letters.
const STARTS: usize = 1 << 14;
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const CHANNELS: u64 = 10_000;
/// Sequences of random numbers for the texts that are the same in all runs.
const LETTERS: u64 = 1;
const URLS: u64 = 2;
const WITH_ID: u64 = 3;
const CHANNEL_ID: u64 = 4;

const FIRST_NAMES: [&str; 12] =
    ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "John", "Leslie", "Margaret", "Niklaus", "Tony"];
const LAST_NAMES: [&str; 10] =
    ["Allen", "Backus", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Knuth", "Lamport", "Liskov", "Wirth"];
const CITIES: [(&str, &str); 12] = [
    ("Phoenix", "AZ"),
    ("Tucson", "AZ"),
    ("Los Angeles", "CA"),
    ("San Diego", "CA"),
    ("Boise", "ID"),
    ("Nampa", "ID"),
    ("Portland", "OR"),
    ("Salem", "OR"),
    ("Seattle", "WA"),
    ("Spokane", "WA"),
    ("Casper", "WY"),
    ("Cheyenne", "WY"),
];

/// Bytes of a person, auction and bid that are not texts.
const PERSON_BYTES: u64 = 16;
const AUCTION_BYTES: u64 = 56;
const BID_BYTES: u64 = 32;

/// Where a channel's name stands, and the URL behind it.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    start: u32,
    name: u8,
    url: u8,
}

/// The texts that all events are made of.
#[derive(Debug)]
pub(super) struct Texts {
    letters: Vec<u8>,
    channels: Vec<u8>,
    entries: Vec<Entry>,
}

/// Appends the first `length` bytes of `from`, where `N` of them can be read.
fn append<const N: usize>(from: &[u8], length: usize, to: &mut Vec<u8>) {
    match from.first_chunk::<N>() {
        Some(block) if length <= N => {
            let end = to.len() + length;
            to.extend_from_slice(block);
            to.truncate(end);
        }
        _ => to.extend_from_slice(from.get(..length).unwrap_or_default()),
    }
}

fn pick<T: Copy + Default>(from: &[T], bits: u32) -> T {
    from.get(below(bits, from.len() as u64) as usize).copied().unwrap_or_default()
}

impl Texts {
    /// With padding for events of up to `largest` bytes on average.
    pub(super) fn new(largest: u64) -> Self {
        // Padding is at most a fifth longer; descriptions have up to 100 letters.
        let length = STARTS + (largest + largest / 5) as usize + 2 * BLOCK;
        let letter = |at: u64| b'a' + below(halves(random(LETTERS, at)).0, 26) as u8;
        let letters: Vec<u8> = (0..length as u64).map(letter).collect();
        let mut texts = Self { letters, channels: Vec::new(), entries: Vec::new() };
        for (i, name) in HOT_CHANNELS.iter().enumerate() {
            texts.channel(name.as_bytes(), i as u64, None);
        }
        for k in 0..CHANNELS {
            let (id, _) = halves(random(CHANNEL_ID, k));
            let has_id = below(halves(random(WITH_ID, k)).0, 10) > 0;
            texts.channel(format!("channel-{k}").as_bytes(), HOT_CHANNELS.len() as u64 + k, has_id.then_some(id));
        }
        // A whole block can be read at the last one.
        texts.channels.resize(texts.channels.len() + BLOCK, 0);
        texts
    }

    fn channel(&mut self, name: &[u8], number: u64, id: Option<u32>) {
        let start = self.channels.len();
        self.channels.extend_from_slice(name);
        let name_end = self.channels.len();
        self.channels.extend_from_slice(b"https://www.nexmark.com/");
        for part in 0..3 {
            let (start, length) = halves(random(URLS, number * 3 + part));
            let word = Self::cut(&self.letters, start, 3 + below(length, 3));
            self.channels.extend_from_slice(word);
            self.channels.push(b'/');
        }
        self.channels.extend_from_slice(b"item.htm?query=1");
        if let Some(id) = id {
            self.channels.extend_from_slice(format!("&channel_id={id}").as_bytes());
        }
        let url = (self.channels.len() - name_end) as u8;
        self.entries.push(Entry { start: start as u32, name: name.len() as u8, url });
    }

    fn cut(letters: &[u8], start: u32, length: u64) -> &[u8] {
        let start = start as usize % STARTS;
        letters.get(start..start + length as usize).unwrap_or_default()
    }

    fn letters(&self, start: u32, length: u64, to: &mut Vec<u8>) {
        let from = self.letters.get(start as usize % STARTS..).unwrap_or_default();
        append::<BLOCK>(from, length as usize, to);
    }

    fn entry(&self, model: &Model, event: &Event) -> Entry {
        let (bits, hot) = halves(model.draw(Draw::Channel, event));
        let hots = HOT_CHANNELS.len() as u64;
        let (hottest, any) = (below(bits, hots), hots + below(bits, CHANNELS));
        let at = if hot & 1 == 1 { hottest } else { any };
        self.entries.get(at as usize).copied().unwrap_or_default()
    }

    /// A bid's channel.
    pub(super) fn channel_name(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let entry = self.entry(model, event);
        let from = self.channels.get(entry.start as usize..).unwrap_or_default();
        append::<SHORT>(from, entry.name.into(), to);
    }

    /// A bid's URL.
    pub(super) fn url(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let entry = self.entry(model, event);
        let start = entry.start as usize + usize::from(entry.name);
        append::<BLOCK>(self.channels.get(start..).unwrap_or_default(), entry.url.into(), to);
    }

    /// 3 to 20 letters.
    pub(super) fn item_name(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let (start, length) = Self::item_name_cut(model, event);
        self.letters(start, length, to);
    }

    fn item_name_cut(model: &Model, event: &Event) -> (u32, u64) {
        let (start, length) = halves(model.draw(Draw::ItemName, event));
        (start, 3 + below(length, 18))
    }

    /// 3 to 100 letters.
    pub(super) fn description(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let (start, length) = Self::description_cut(model, event);
        self.letters(start, length, to);
    }

    fn description_cut(model: &Model, event: &Event) -> (u32, u64) {
        let (start, length) = halves(model.draw(Draw::Description, event));
        (start, 3 + below(length, 98))
    }

    fn names(model: &Model, event: &Event) -> (&'static str, &'static str) {
        let (first, last) = halves(model.draw(Draw::Name, event));
        (pick(&FIRST_NAMES, first), pick(&LAST_NAMES, last))
    }

    /// A first and a last name.
    pub(super) fn name(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let (first, last) = Self::names(model, event);
        to.extend_from_slice(first.as_bytes());
        to.push(b' ');
        to.extend_from_slice(last.as_bytes());
    }

    /// Seven letters at five letters.
    pub(super) fn email(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let (user, host) = halves(model.draw(Draw::Email, event));
        self.letters(user, 7, to);
        to.push(b'@');
        self.letters(host, 5, to);
        to.extend_from_slice(b".com");
    }

    /// Four times four digits.
    pub(super) fn credit_card(&self, model: &Model, event: &Event, to: &mut Vec<u8>) {
        let number = model.draw(Draw::CreditCard, event);
        for group in 0..4 {
            if group > 0 {
                to.push(b' ');
            }
            let mut digits = below(((number >> (group * 16)) as u32 & 0xffff) << 16, 10_000);
            let mut place = 1000;
            while place > 0 {
                to.push(b'0' + (digits / place) as u8);
                digits %= place;
                place /= 10;
            }
        }
    }

    /// Where a person lives: city and state.
    pub(super) fn home(model: &Model, event: &Event) -> (&'static str, &'static str) {
        pick(&CITIES, halves(model.draw(Draw::City, event)).0)
    }

    /// What brings an event to its kind's size, a fifth more or less.
    pub(super) fn extra(&self, model: &Model, kind: Kind, event: &Event, to: &mut Vec<u8>) {
        let o = &model.options;
        let (size, used) = match kind {
            Kind::Bid => (o.bid_size, BID_BYTES),
            Kind::Auction => {
                let words = Self::item_name_cut(model, event).1 + Self::description_cut(model, event).1;
                (o.auction_size, AUCTION_BYTES + words)
            }
            Kind::Person => {
                let ((first, last), (city, state)) = (Self::names(model, event), Self::home(model, event));
                // A space, e-mail address and credit card are always equally long.
                let texts = first.len() + last.len() + city.len() + state.len() + 1 + 17 + 19;
                (o.person_size, PERSON_BYTES + texts as u64)
            }
        };
        let wanted = size.saturating_sub(used);
        let spread = (wanted + 2) / 5;
        let (start, length) = halves(model.draw(Draw::Extra, event));
        self.letters(start, wanted - spread + below(length, 2 * spread + 1), to);
    }
}
