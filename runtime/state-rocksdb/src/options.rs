//! RocksDB options, and the compaction filter that drops expired entries.

use crate::error::RocksExt;
use crate::memory::Share;
use rocksdb::compaction_filter::{CompactionFilter, Decision};
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use rocksdb::{
    BlockBasedOptions, DBCompactionStyle, DBCompressionType, Env, LogLevel, Options, UniversalCompactOptions,
    WriteOptions,
};
use std::ffi::CStr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use streamjob_core::Result;
use streamjob_state::{Clock, Ttl, ttl};

/// Options of a database; the checkpoint is its log, so it writes none.
pub(crate) fn db_options(share: Option<&Share>) -> Result<Options> {
    let mut options = Options::default();
    // All databases of the process share these threads. At a barrier every one of them flushes at once, and the
    // checkpoint waits for the last; compactions may take half of the processors from the tasks.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get) as i32;
    let mut env = Env::new().rocks("cannot reach RocksDB's threads")?;
    env.set_high_priority_background_threads(cores);
    env.set_background_threads((cores / 2).max(1));
    options.set_env(&env);
    options.create_if_missing(true);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(1);
    options.set_log_level(LogLevel::Warn);
    crate::ffi::close_without_flush(&mut options);
    if let Some(share) = share {
        options.set_write_buffer_manager(&share.memory().buffers);
    }
    Ok(options)
}

/// How files are merged in the background. What a merge writes, the next incremental checkpoint uploads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompactionStyle {
    /// Files of like size are merged with each other: less is written and uploaded in all, the disk holds up to twice
    /// the state, three times while everything is merged.
    #[default]
    Universal,
    /// New files are merged into those below that hold keys between theirs: the disk holds little more than the state;
    /// updates all over the keys rewrite all of it every few checkpoints.
    Level,
}

/// Options of a column family.
pub(crate) fn cf_options(
    share: Option<&Share>,
    filter: Option<(Arc<TtlOfState>, Arc<dyn Clock>)>,
    style: CompactionStyle,
) -> Options {
    let mut options = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_bloom_filter(10.0, false);
    if let Some(share) = share {
        table.set_block_cache(&share.memory().cache);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        options.set_write_buffer_size((share.bytes() / 8).clamp(64 << 10, 64 << 20));
    }
    options.set_block_based_table_factory(&table);
    options.set_level_compaction_dynamic_level_bytes(true);
    if style == CompactionStyle::Universal {
        let mut universal = UniversalCompactOptions::default();
        // Everything is merged when as much was written since the last time.
        universal.set_max_size_amplification_percent(100);
        options.set_compaction_style(DBCompactionStyle::Universal);
        options.set_universal_compaction_options(&universal);
        // Runs beside each other before some are merged for their number alone.
        options.set_level_zero_file_num_compaction_trigger(8);
    }
    options.set_compression_type(DBCompressionType::Lz4);
    if let Some((ttl, clock)) = filter {
        options.set_compaction_filter_factory(Filters { ttl, clock });
    }
    options
}

/// Writes without a log.
pub(crate) fn write_options() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// A state's time to live as compactions see it; set when the state is registered.
pub(crate) struct TtlOfState(AtomicI64);

const NEVER: i64 = i64::MAX;

impl TtlOfState {
    pub fn new(ttl: Option<Ttl>) -> Arc<Self> {
        let state = Self(AtomicI64::new(NEVER));
        state.set(ttl);
        Arc::new(state)
    }

    pub fn set(&self, ttl: Option<Ttl>) {
        let ms = ttl.map_or(NEVER, |t| i64::try_from(t.ttl.as_millis()).unwrap_or(NEVER));
        self.0.store(ms, Ordering::Relaxed);
    }
}

struct Filters {
    ttl: Arc<TtlOfState>,
    clock: Arc<dyn Clock>,
}

struct Filter {
    ttl: i64,
    now: i64,
}

const NAME: &CStr = c"streamjob-ttl";

impl CompactionFilterFactory for Filters {
    type Filter = Filter;

    fn create(&mut self, _context: CompactionFilterContext) -> Filter {
        Filter { ttl: self.ttl.0.load(Ordering::Relaxed), now: self.clock.now_ms() }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

impl CompactionFilter for Filter {
    fn filter(&mut self, _level: u32, _key: &[u8], stored: &[u8]) -> Decision {
        match ttl::decode(stored) {
            Ok((_, Some(stamp))) if self.ttl != NEVER && stamp.saturating_add(self.ttl) <= self.now => Decision::Remove,
            _ => Decision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}
