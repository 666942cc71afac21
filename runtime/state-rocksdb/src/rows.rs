//! Scans: the rows of a state's column families, merged with what is still in its cache.

use crate::cached::Cached;
use crate::database::Database;
use crate::error::RocksExt;
use rocksdb::{DBRawIterator, ReadOptions};
use std::ops::ControlFlow;
use streamjob_core::Result;
use streamjob_state::restore::prefix_end;

/// Rows of one column family after the other, which are in key order.
struct Rows<'a> {
    now: Option<DBRawIterator<'a>>,
    later: std::vec::IntoIter<DBRawIterator<'a>>,
}

impl<'a> Rows<'a> {
    fn seek(db: &'a Database, cfs: &[&str], prefix: &[u8]) -> Result<Self> {
        let mut all = Vec::with_capacity(cfs.len());
        for cf in cfs {
            let mut options = ReadOptions::default();
            if let Some(end) = prefix_end(prefix) {
                options.set_iterate_upper_bound(end);
            }
            let mut rows = db.get()?.raw_iterator_cf_opt(db.cf(cf)?, options);
            rows.seek(prefix);
            all.push(rows);
        }
        let mut later = all.into_iter();
        let mut rows = Self { now: later.next(), later };
        rows.skip()?;
        Ok(rows)
    }

    /// On to the next column family that has a row.
    fn skip(&mut self) -> Result<()> {
        while let Some(now) = &self.now
            && !now.valid()
        {
            now.status().rocks("cannot read state")?;
            self.now = self.later.next();
        }
        Ok(())
    }

    fn item(&self) -> Option<(&[u8], &[u8])> {
        self.now.as_ref().and_then(DBRawIterator::item)
    }

    fn next(&mut self) -> Result<()> {
        if let Some(now) = &mut self.now {
            now.next();
        }
        self.skip()
    }
}

/// Visits the entries of database and dirty entries together, in key order; dirty ones win.
pub(crate) fn merged(
    db: &Database,
    cfs: &[&str],
    cache: &Cached,
    prefix: &[u8],
    visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut rows = Rows::seek(db, cfs, prefix)?;
    let mut dirty = cache.dirty_range(prefix).peekable();
    loop {
        let row = rows.item();
        let next = dirty.peek().copied();
        let flow = match (row, next) {
            (None, None) => break,
            (Some((key, stored)), None) => {
                let flow = visit(key, stored)?;
                rows.next()?;
                flow
            }
            (Some((key, stored)), Some((other, _))) if key < other => {
                let flow = visit(key, stored)?;
                rows.next()?;
                flow
            }
            (row, Some((key, stored))) => {
                if row.is_some_and(|(k, _)| k == key) {
                    rows.next()?;
                }
                dirty.next();
                match stored {
                    Some(stored) => visit(key, stored)?,
                    None => ControlFlow::Continue(()),
                }
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    Ok(())
}
