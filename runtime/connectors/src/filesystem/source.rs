//! The filesystem source. Each file belongs to one subtask, by the hash of its
//! path, and is read in order of paths. Positions (path, byte offset of the next
//! record, its line) are a union list, so that any parallelism can go on.
//!
//! Bounded: the files at the start are the input. With `source.monitor-interval`
//! the folder is listed again and new files are read; a file that grows after it
//! was read to its end is not read again.

use super::files::{self, Listing};
use super::location::{Location, Opened};
use super::positions::{FileState, Positions};
use super::reader::FileReader;
use super::temporary;
use crate::config::ConnectorConfig;
use crate::format::{Decoder, Format};
use crate::options;
use regex::Regex;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::options::parse_duration;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{OperatorContext, Progress, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_state::{ListMode, OperatorState};

const MAX_ROWS: usize = 8192;
/// Input of a batch, bytes: rows may be long.
const MAX_BYTES: u64 = 1 << 20;
/// How long rows of small files are gathered into one batch.
const GATHER: Duration = Duration::from_millis(5);
const FILES: &str = "files";

pub(crate) struct FileSourceFactory {
    location: Location,
    config: ConnectorConfig,
    format: Format,
    schema: Schema,
    monitor: Option<Duration>,
    pattern: Option<Regex>,
    parallelism: Option<u32>,
}

impl FileSourceFactory {
    pub(crate) fn new(table: &TableDef, config: &ConnectorConfig) -> Result<Self> {
        let location = Location::of(table)?;
        let (format, known) = Format::of(table)?;
        options::check(table, &super::known(known))?;
        let schema = table.physical_schema();
        format.decoder(&schema).map_err(|e| e.context(format!("table {}", table.name)))?;
        let interval = |t: &str| parse_duration(t).filter(|d| !d.is_zero());
        let monitor =
            table.options.parse(&table.name, "source.monitor-interval", "a duration such as '10 s'", interval)?;
        // As Java's Matcher.matches: the whole path.
        let regex = |t: &str| Regex::new(&format!("^(?:{t})$")).ok();
        let pattern = table.options.parse(&table.name, "source.path.regex-pattern", "a regular expression", regex)?;
        let parallelism = options::positive(table, "scan.parallelism")?;
        Ok(Self { location, config: config.clone(), format, schema, monitor, pattern, parallelism })
    }
}

impl SourceFactory for FileSourceFactory {
    fn create(&self, _info: &TaskInfo) -> Result<Box<dyn Source>> {
        Ok(Box::new(FileSource {
            place: self.location.open(&self.config)?,
            decoder: self.format.decoder(&self.schema)?,
            monitor: self.monitor,
            pattern: self.pattern.clone(),
            next_listing_ms: i64::MIN,
            files: Positions::default(),
            reader: None,
        }))
    }

    fn bounded(&self) -> bool {
        self.monitor.is_none()
    }

    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
}

struct FileSource {
    place: Opened,
    decoder: Box<dyn Decoder>,
    monitor: Option<Duration>,
    pattern: Option<Regex>,
    next_listing_ms: i64,
    /// This subtask's files.
    files: Positions,
    /// The file that is being read, open.
    reader: Option<(String, FileReader)>,
}

fn owns(info: &TaskInfo, path: &str) -> bool {
    streamjob_core::key::hash(path.as_bytes()) % u64::from(info.parallelism.max(1)) == u64::from(info.subtask)
}

impl FileSource {
    /// Adds files that are not known yet. True when there are any.
    fn add_new(&mut self, info: &TaskInfo, listing: Listing) -> Result<bool> {
        let mut added = false;
        for file in files::list(&self.place, self.pattern.as_ref(), listing)? {
            if owns(info, &file.path) {
                added |= self.files.add(file);
            }
        }
        Ok(added)
    }

    /// Opens the next file that is not read to its end. False when there is none.
    fn open_next(&mut self) -> Result<bool> {
        let Some(next) = self.files.next() else { return Ok(false) };
        let reader = FileReader::open(&self.place, &next.path, next.offset, next.line)?;
        self.reader = Some((next.path.clone(), reader));
        Ok(true)
    }

    /// All files are read: looks for new ones when it is time. `None` when there are any.
    fn watch(&mut self, ctx: &OperatorContext<'_>) -> Result<Option<SourcePoll>> {
        let Some(interval) = self.monitor else { return Ok(Some(SourcePoll::End)) };
        let now = ctx.clock.now_ms();
        if now < self.next_listing_ms {
            let wait = u64::try_from(self.next_listing_ms - now).unwrap_or(0);
            return Ok(Some(SourcePoll::Wait(Duration::from_millis(wait))));
        }
        self.next_listing_ms = now.saturating_add(interval.as_millis() as i64);
        let added = self.add_new(ctx.info, Listing::Again)?;
        Ok((!added).then_some(SourcePoll::Wait(interval)))
    }

    fn take(&mut self) -> Result<SourcePoll> {
        Ok(SourcePoll::Rows(Batch::inserts(self.decoder.take()?)))
    }
}

impl Source for FileSource {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        if let Opened::Bucket { .. } = self.place {
            temporary::sweep(&std::env::temp_dir());
        }
        for item in restored.items(FILES) {
            let state: FileState = serde_json::from_slice(item).internal("the position of a file cannot be read")?;
            if owns(ctx.info, &state.path) {
                self.files.restore(state);
            }
        }
        let known = restored.lists.contains_key(FILES);
        if self.monitor.is_some() || !known {
            // A folder that is misspelt is told at every start; a bucket's may have been emptied.
            let again = known && matches!(self.place, Opened::Bucket { .. });
            self.add_new(ctx.info, if again { Listing::Again } else { Listing::First })?;
        }
        if let Some(interval) = self.monitor {
            self.next_listing_ms = ctx.clock.now_ms().saturating_add(interval.as_millis() as i64);
        }
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        let max_rows = max_rows.clamp(1, MAX_ROWS);
        let (began, mut bytes) = (Instant::now(), 0);
        loop {
            if self.reader.is_none() && !self.open_next()? {
                if self.decoder.rows() > 0 {
                    return self.take();
                }
                match self.watch(ctx)? {
                    Some(poll) => return Ok(poll),
                    None => continue,
                }
            }
            let Some((path, reader)) = &mut self.reader else { continue };
            let (mut skipped, before) = (0, reader.offset);
            let more = reader.read(self.decoder.as_mut(), max_rows, MAX_BYTES.saturating_sub(bytes), &mut skipped)?;
            bytes += reader.offset - before;
            OperatorMetrics::add(&ctx.metrics.rows_skipped, skipped);
            self.files.note(path, reader.offset, reader.line, !more);
            if !more {
                self.reader = None;
            }
            let full = self.decoder.rows() >= max_rows || bytes >= MAX_BYTES;
            match self.decoder.rows() {
                // A megabyte without a row: commands come first.
                0 if full => return Ok(SourcePoll::Wait(Duration::ZERO)),
                0 => {}
                _ if full || began.elapsed() >= GATHER => return self.take(),
                _ => {}
            }
        }
    }

    fn snapshot(&mut self, _barrier: &Barrier, _ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        let item = |f: &FileState| serde_json::to_vec(f).map_err(|e| Error::internal("a position").caused_by(e));
        let mut state = OperatorState::default();
        state.set(FILES, ListMode::Union, self.files.iter().map(item).collect::<Result<_>>()?);
        Ok(state)
    }

    fn progress(&self) -> Progress {
        let (done, total) = self.files.bytes();
        Progress { done, total: self.monitor.is_none().then_some(total) }
    }
}
