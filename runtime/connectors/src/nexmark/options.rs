//! Options of the nexmark connector.

use crate::options;
use streamjob_core::options::parse_memory_size;
use streamjob_core::table::TableDef;
use streamjob_core::{Error, Result};

const KNOWN: &[&str] = &[
    "connector",
    "first-event.rate",
    "next-event.rate",
    "rate.limited",
    "events.num",
    "person.proportion",
    "auction.proportion",
    "bid.proportion",
    "person.avg-size",
    "auction.avg-size",
    "bid.avg-size",
    "bid.hot-ratio.auctions",
    "bid.hot-ratio.bidders",
    "auction.hot-ratio.sellers",
    "base-time",
    "seed",
    "scan.parallelism",
    "scan.watermark.idle-timeout",
];

/// Time of event 0 unless told otherwise: 2024-01-01 00:00:00 UTC.
const BASE_TIME_MS: i64 = 1_704_067_200_000;
/// Largest average size of an event; what pads one is cut from a text of about that length.
const MAX_SIZE: u64 = 1 << 16;
/// Largest of the proportions and ratios: products of them and 32 random bits fit in 64.
const MAX_SHARE: u64 = 1_000_000;

/// What the events are like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NexmarkOptions {
    /// Events a second of event time, and of the clock when `limited`.
    pub rate: u64,
    pub limited: bool,
    /// Events in all; `None` for no end.
    pub events: Option<u64>,
    pub persons: u64,
    pub auctions: u64,
    pub bids: u64,
    pub person_size: u64,
    pub auction_size: u64,
    pub bid_size: u64,
    /// One in so many bids is for any auction, the others for a hot one; and so on.
    pub hot_auctions: u64,
    pub hot_bidders: u64,
    pub hot_sellers: u64,
    pub base_time_ms: i64,
    pub seed: u64,
    pub parallelism: Option<u32>,
}

impl NexmarkOptions {
    pub(super) fn new(table: &TableDef) -> Result<Self> {
        options::check(table, KNOWN)?;
        let whole = |key: &str| table.options.parse(&table.name, key, "a whole number", |t| t.trim().parse().ok());
        let rate = options::positive(table, "first-event.rate")?;
        let next = options::positive(table, "next-event.rate")?;
        if let (Some(first), Some(next)) = (rate, next)
            && first != next
        {
            let text = "option 'next-event.rate' differs from 'first-event.rate'; a rate that changes is not supported";
            return Err(Error::user(format!("table {}: {text}", table.name)).fix("give both the same value"));
        }
        let share = |key: &str, default: u64| -> Result<u64> {
            let expected = format!("a whole number from 1 to {MAX_SHARE}");
            let parse = |t: &str| t.trim().parse().ok().filter(|n| (1..=MAX_SHARE).contains(n));
            Ok(table.options.parse(&table.name, key, &expected, parse)?.unwrap_or(default))
        };
        let size = |key: &str, default: u64| -> Result<u64> {
            let expected = "a size of at most 64 kb such as '200 b'";
            let parse = |t: &str| parse_memory_size(t).filter(|n| *n <= MAX_SIZE);
            Ok(table.options.parse(&table.name, key, expected, parse)?.unwrap_or(default))
        };
        let events = table
            .options
            .parse(&table.name, "events.num", "a whole number; 0 is no end", |t| t.trim().parse::<u64>().ok())?;
        Ok(Self {
            rate: rate.or(next).unwrap_or(10_000),
            limited: options::flag(table, "rate.limited")?,
            events: events.filter(|n| *n > 0),
            persons: share("person.proportion", 1)?,
            auctions: share("auction.proportion", 3)?,
            bids: share("bid.proportion", 46)?,
            person_size: size("person.avg-size", 200)?,
            auction_size: size("auction.avg-size", 500)?,
            bid_size: size("bid.avg-size", 100)?,
            hot_auctions: share("bid.hot-ratio.auctions", 2)?,
            hot_bidders: share("bid.hot-ratio.bidders", 4)?,
            hot_sellers: share("auction.hot-ratio.sellers", 4)?,
            base_time_ms: whole("base-time")?.unwrap_or(BASE_TIME_MS),
            seed: whole("seed")?.unwrap_or(0) as u64,
            parallelism: options::positive(table, "scan.parallelism")?,
        })
    }
}
