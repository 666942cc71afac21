//! The filesystem source. Each file belongs to one subtask, by the hash of its
//! path, and is read in order of paths. Positions (path, byte offset of the next
//! record, its line) are a union list, so that any parallelism can go on.
//!
//! Bounded: the files at the start are the input. With `source.monitor-interval`
//! the folder is listed again and new files are read; a file that grows after it
//! was read to its end is not read again.

use super::files::{self, FileMeta, Listing};
use super::location::{Location, Opened};
use super::reader::FileReader;
use super::temporary;
use crate::config::ConnectorConfig;
use crate::format::{Decoder, Format};
use crate::options;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use streamjob_core::error::ErrorExt;
use streamjob_core::options::parse_duration;
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, Batch, Error, Result, Schema};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{OperatorContext, Progress, Source, SourceFactory, SourcePoll, TaskInfo};
use streamjob_state::{ListMode, OperatorState};

const MAX_ROWS: usize = 8192;
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
            files: BTreeMap::new(),
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

/// How far a file is read; also the form in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    path: String,
    size: u64,
    /// Byte at which the next record begins.
    offset: u64,
    /// Line of the next record, from 1.
    line: u64,
    done: bool,
}

struct FileSource {
    place: Opened,
    decoder: Box<dyn Decoder>,
    monitor: Option<Duration>,
    pattern: Option<Regex>,
    next_listing_ms: i64,
    /// This subtask's files by path.
    files: BTreeMap<String, FileState>,
    /// The file that is being read, open.
    reader: Option<(String, FileReader)>,
}

fn owns(info: &TaskInfo, path: &str) -> bool {
    streamjob_core::key::hash(path.as_bytes()) % u64::from(info.parallelism.max(1)) == u64::from(info.subtask)
}

impl FileSource {
    fn add_new(&mut self, info: &TaskInfo, listing: Listing) -> Result<()> {
        for FileMeta { path, size } in files::list(&self.place, self.pattern.as_ref(), listing)? {
            if owns(info, &path) {
                let new = || FileState { path: path.clone(), size, offset: 0, line: 1, done: false };
                self.files.entry(path.clone()).or_insert_with(new);
            }
        }
        Ok(())
    }

    /// Notes the reader's position in the state.
    fn note(&mut self, done: bool) {
        if let Some((path, reader)) = &self.reader
            && let Some(state) = self.files.get_mut(path)
        {
            state.offset = reader.offset;
            state.line = reader.line;
            state.size = state.size.max(reader.offset);
            state.done = done;
        }
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
                self.files.insert(state.path.clone(), state);
            }
        }
        let known = restored.lists.contains_key(FILES);
        if self.monitor.is_some() || !known {
            self.add_new(ctx.info, if known { Listing::Again } else { Listing::First })?;
        }
        if let Some(interval) = self.monitor {
            self.next_listing_ms = ctx.clock.now_ms().saturating_add(interval.as_millis() as i64);
        }
        Ok(())
    }

    fn poll(&mut self, max_rows: usize, ctx: &mut OperatorContext<'_>) -> Result<SourcePoll> {
        let max_rows = max_rows.clamp(1, MAX_ROWS);
        loop {
            let (_, reader) = match &mut self.reader {
                Some(reader) => reader,
                None => match self.files.values().find(|f| !f.done) {
                    Some(f) => {
                        let reader = FileReader::open(&self.place, &f.path, f.offset, f.line)?;
                        self.reader.insert((f.path.clone(), reader))
                    }
                    None => {
                        let Some(interval) = self.monitor else { return Ok(SourcePoll::End) };
                        let now = ctx.clock.now_ms();
                        if now < self.next_listing_ms {
                            let wait = u64::try_from(self.next_listing_ms - now).unwrap_or(0);
                            return Ok(SourcePoll::Wait(Duration::from_millis(wait)));
                        }
                        self.next_listing_ms = now.saturating_add(interval.as_millis() as i64);
                        let before = self.files.len();
                        self.add_new(ctx.info, Listing::Again)?;
                        if self.files.len() == before {
                            return Ok(SourcePoll::Wait(interval));
                        }
                        continue;
                    }
                },
            };
            let mut skipped = 0;
            let more = reader.read(self.decoder.as_mut(), max_rows, &mut skipped)?;
            OperatorMetrics::add(&ctx.metrics.rows_skipped, skipped);
            self.note(!more);
            if !more {
                self.reader = None;
            }
            if self.decoder.rows() > 0 {
                return Ok(SourcePoll::Rows(Batch::inserts(self.decoder.take()?)));
            }
        }
    }

    fn snapshot(&mut self, _barrier: &Barrier, _ctx: &mut OperatorContext<'_>) -> Result<OperatorState> {
        let item = |f: &FileState| serde_json::to_vec(f).map_err(|e| Error::internal("a position").caused_by(e));
        let mut state = OperatorState::default();
        state.set(FILES, ListMode::Union, self.files.values().map(item).collect::<Result<_>>()?);
        Ok(state)
    }

    fn progress(&self) -> Progress {
        let done = self.files.values().map(|f| f.offset).sum();
        let total = self.files.values().map(|f| f.size).sum();
        Progress { done, total: self.monitor.is_none().then_some(total) }
    }
}
