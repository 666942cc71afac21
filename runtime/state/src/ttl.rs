//! Time to live: the stored form of a value, and what a read of it gives.
//!
//! A stored value is `value ++ 0x00`, or `value ++ stamp (8 bytes, big-endian
//! milliseconds) ++ 0x01`. The flag is always there, so time to live may be
//! switched on or off between two runs. An entry is expired when
//! `stamp + ttl <= now`.

use crate::backend::{Clock, Ttl, TtlUpdate, TtlVisibility};
use std::sync::Arc;
use streamjob_core::{Error, Result};

const BARE: u8 = 0;
const STAMPED: u8 = 1;
const STAMP: usize = 8;

/// Appends the stored form of `value` to `out`.
pub fn encode(value: &[u8], stamp: Option<i64>, out: &mut Vec<u8>) {
    out.extend_from_slice(value);
    match stamp {
        None => out.push(BARE),
        Some(ms) => {
            out.extend_from_slice(&ms.to_be_bytes());
            out.push(STAMPED);
        }
    }
}

/// Splits a stored value into the value and its stamp. Errors (Transient) when the bytes are damaged.
#[inline]
pub fn decode(stored: &[u8]) -> Result<(&[u8], Option<i64>)> {
    match stored.split_last() {
        Some((&BARE, value)) => Ok((value, None)),
        Some((&STAMPED, rest)) => match rest.split_last_chunk::<STAMP>() {
            Some((value, stamp)) => Ok((value, Some(i64::from_be_bytes(*stamp)))),
            None => Err(damaged(stored)),
        },
        _ => Err(damaged(stored)),
    }
}

fn damaged(stored: &[u8]) -> Error {
    Error::transient(format!(
        "a stored value of {} bytes has no valid time-to-live flag: the state is damaged",
        stored.len()
    ))
    .fix("restore from an older checkpoint or savepoint")
}

/// Sets the stamp of a stored value, adding one when it has none.
pub fn restamp(stored: &mut Vec<u8>, now: i64) {
    match stored.last() {
        Some(&STAMPED) if stored.len() > STAMP => stored.truncate(stored.len() - STAMP - 1),
        Some(&BARE) => stored.truncate(stored.len() - 1),
        _ => {}
    }
    stored.extend_from_slice(&now.to_be_bytes());
    stored.push(STAMPED);
}

/// True for a stored value that carries a stamp.
pub fn is_stamped(stored: &[u8]) -> bool {
    stored.len() > STAMP && stored.last() == Some(&STAMPED)
}

/// Sets the stamp of a stored value that carries one.
pub fn restamp_in_place(stored: &mut [u8], now: i64) {
    if is_stamped(stored)
        && let Some((_, rest)) = stored.split_last_mut()
        && let Some(stamp) = rest.last_chunk_mut::<STAMP>()
    {
        *stamp = now.to_be_bytes();
    }
}

/// What a read of a stored value gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The value; `refresh` asks to restamp the entry with the present time.
    Live {
        /// The value without its stamp.
        value: &'a [u8],
        /// True when this read starts the age again.
        refresh: bool,
    },
    /// The entry is expired and to be removed; the value where the visibility still shows it.
    Expired(Option<&'a [u8]>),
}

/// A state's time to live with its clock.
#[derive(Clone)]
pub struct Policy {
    ttl: Option<Ttl>,
    clock: Arc<dyn Clock>,
}

impl Policy {
    /// `None` keeps entries for ever.
    pub fn new(ttl: Option<Ttl>, clock: Arc<dyn Clock>) -> Self {
        Self { ttl, clock }
    }

    /// True with a time to live.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.ttl.is_some()
    }

    /// The stamp of an entry written now; `None` without a time to live. Take it once a batch.
    pub fn now(&self) -> Option<i64> {
        self.ttl.map(|_| self.clock.now_ms())
    }

    /// Appends the stored form of a value written now.
    pub fn encode(&self, value: &[u8], out: &mut Vec<u8>) {
        encode(value, self.now(), out);
    }

    /// Judges a stored value at `now`, from [`Policy::now`].
    pub fn read<'a>(&self, stored: &'a [u8], now: Option<i64>) -> Result<Outcome<'a>> {
        let (value, stamp) = decode(stored)?;
        let (Some(ttl), Some(stamp), Some(now)) = (self.ttl, stamp, now) else {
            return Ok(Outcome::Live { value, refresh: false });
        };
        if is_past(stamp, ttl, now) {
            let visible = ttl.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp;
            return Ok(Outcome::Expired(visible.then_some(value)));
        }
        let refresh = ttl.update == TtlUpdate::OnReadAndWrite && stamp != now;
        Ok(Outcome::Live { value, refresh })
    }

    /// Whether what was written at `stamp` is expired at `now`; never without a time to live.
    pub fn past(&self, stamp: i64, now: i64) -> bool {
        self.ttl.is_some_and(|ttl| is_past(stamp, ttl, now))
    }

    /// Whether a stored value is expired at `now`. Damaged values are not.
    pub fn expired(&self, stored: &[u8], now: Option<i64>) -> bool {
        match (self.ttl, now, decode(stored)) {
            (Some(ttl), Some(now), Ok((_, Some(stamp)))) => is_past(stamp, ttl, now),
            _ => false,
        }
    }
}

fn is_past(stamp: i64, ttl: Ttl, now: i64) -> bool {
    let ttl_ms = i64::try_from(ttl.ttl.as_millis()).unwrap_or(i64::MAX);
    stamp.saturating_add(ttl_ms) <= now
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;
    use std::time::Duration;

    fn ttl(update: TtlUpdate, visibility: TtlVisibility) -> Ttl {
        Ttl { ttl: Duration::from_millis(100), update, visibility }
    }

    #[test]
    fn table_of_reads() {
        use TtlUpdate::{OnCreateAndWrite as W, OnReadAndWrite as R};
        use TtlVisibility::{NeverReturnExpired as Never, ReturnExpiredIfNotCleanedUp as Still};
        let live = |refresh| Outcome::Live { value: b"v".as_slice(), refresh };
        let rows = [
            (Some(ttl(W, Never)), Some(1000), 1099, live(false)),
            (Some(ttl(W, Never)), Some(1000), 1100, Outcome::Expired(None)),
            (Some(ttl(W, Still)), Some(1000), 1100, Outcome::Expired(Some(b"v"))),
            (Some(ttl(R, Never)), Some(1000), 1050, live(true)),
            (Some(ttl(R, Never)), Some(1000), 1000, live(false)),
            (Some(ttl(W, Never)), Some(2000), 1000, live(false)), // the clock went back
            (Some(ttl(W, Never)), None, 9999, live(false)),
            (None, Some(1000), 9999, live(false)),
            (None, None, 9999, live(false)),
        ];
        for (i, (ttl, stamp, now, want)) in rows.into_iter().enumerate() {
            let clock = Arc::new(ManualClock::new(now));
            let policy = Policy::new(ttl, clock);
            let mut stored = Vec::new();
            encode(b"v", stamp, &mut stored);
            assert_eq!(policy.read(&stored, policy.now()).unwrap(), want, "row {i}");
            assert_eq!(policy.expired(&stored, policy.now()), matches!(want, Outcome::Expired(_)), "row {i}");
        }
    }

    #[test]
    fn endless_ttl_does_not_overflow() {
        let t = Ttl { ttl: Duration::MAX, ..ttl(TtlUpdate::OnCreateAndWrite, TtlVisibility::NeverReturnExpired) };
        assert!(!is_past(i64::MAX - 1, t, i64::MAX - 1));
    }

    #[test]
    fn restamp_gives_a_stamp_to_every_form() {
        for stamp in [None, Some(5)] {
            let mut stored = Vec::new();
            encode(b"", stamp, &mut stored);
            restamp(&mut stored, 9);
            assert_eq!(decode(&stored).unwrap(), (b"".as_slice(), Some(9)));
        }
        assert!(decode(b"").is_err());
        assert!(decode(&[1]).is_err());
        assert!(decode(&[7, 7]).is_err());
    }
}
