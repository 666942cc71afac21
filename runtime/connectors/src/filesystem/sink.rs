//! The filesystem sink, exactly-once. Rows go to hidden files; at a barrier the
//! open file is closed and made durable, and its name goes into the checkpoint;
//! when the checkpoint is complete it becomes visible. After a restore all names
//! of the restored checkpoint are published first, and hidden files that neither
//! it nor any savepoint knows are removed. Insert-only.

use super::location::{Location, Opened};
use super::staging;
use crate::config::ConnectorConfig;
use crate::format::{Encoder, Format};
use crate::options;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use streamjob_core::error::ErrorExt;
use streamjob_core::options::{parse_duration, parse_memory_size};
use streamjob_core::table::TableDef;
use streamjob_core::{Barrier, BarrierKind, Batch, CheckpointId, Error, Op, Result, Schema};
use streamjob_engine::operator::OperatorMetrics;
use streamjob_engine::{Operator, OperatorContext, OperatorFactory, Output, SinkFactory, TaskInfo};
use streamjob_state::{ListMode, OperatorState};

const PENDING: &str = "pending";
const DEFAULT_ROLL: u64 = 128 << 20;
/// S3 copies objects of up to 5 GiB; a part can be larger than it should by the row that ends it.
const LARGEST_OBJECT: u64 = 4 << 30;
const WRITE_AT: usize = 256 << 10;

pub(crate) struct FileSinkFactory {
    location: Location,
    config: ConnectorConfig,
    format: Format,
    schema: Schema,
    roll_at: u64,
    parallelism: Option<u32>,
}

impl FileSinkFactory {
    pub(crate) fn new(table: &TableDef, config: &ConnectorConfig) -> Result<Self> {
        let location = Location::of(table)?;
        let (format, known) = Format::of(table)?;
        options::check(table, &super::known(known))?;
        let schema = table.physical_schema();
        format.encoder(&schema).map_err(|e| e.context(format!("table {}", table.name)))?;
        let size = |t: &str| parse_memory_size(t).filter(|n| *n > 0);
        let roll_at =
            table.options.parse(&table.name, "sink.rolling-policy.file-size", "a size such as '128 mb'", size)?;
        for part in ["rollover-interval", "check-interval", "inactivity-interval"] {
            let key = format!("sink.rolling-policy.{part}");
            table.options.parse(&table.name, &key, "a duration such as '30 min'", parse_duration)?;
        }
        let parallelism = options::positive(table, "sink.parallelism")?;
        let roll_at = roll_at.unwrap_or(DEFAULT_ROLL);
        if matches!(location, Location::Bucket { .. }) && roll_at > LARGEST_OBJECT {
            let message = "option 'sink.rolling-policy.file-size' is larger than what S3 can copy, which is how output is \
                           committed";
            return Err(Error::user(format!("table {}: {message}", table.name)).fix("give at most '4 gb'"));
        }
        Ok(Self { location, config: config.clone(), format, schema, roll_at, parallelism })
    }
}

impl OperatorFactory for FileSinkFactory {
    fn create(&self, info: &TaskInfo) -> Result<Box<dyn Operator>> {
        Ok(Box::new(FileSink {
            place: self.location.open(&self.config)?,
            encoder: self.format.encoder(&self.schema)?,
            roll_at: self.roll_at,
            prefix: prefix(info),
            current: None,
            pending: Vec::new(),
            files: 0,
            buffer: Vec::new(),
        }))
    }

    fn has_operator_state(&self) -> bool {
        true
    }
}

impl SinkFactory for FileSinkFactory {
    fn accepts_updates(&self) -> bool {
        false
    }

    fn wants_update_before(&self) -> bool {
        false
    }

    fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }
}

/// What the names of an operator's files begin with: the same in every attempt, different for every lineage of state
/// and operator. A sweep goes by it, so no other job may have it: one of another namespace, storage or start can have
/// the same name, write to the same folder, and run.
fn prefix(info: &TaskInfo) -> String {
    let id = streamjob_core::key::hash(format!("{}\0{}", info.job_id, info.uid).as_bytes());
    format!("part-{id:016x}-")
}

/// A closed file that is not visible yet; also the form in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    name: String,
    size: u64,
    /// The first checkpoint that has it; `None` before its barrier.
    #[serde(default)]
    checkpoint: Option<CheckpointId>,
    /// A savepoint has it.
    #[serde(skip)]
    saved: bool,
}

struct Open {
    name: String,
    file: File,
    path: PathBuf,
    size: u64,
}

struct FileSink {
    place: Opened,
    encoder: Box<dyn Encoder>,
    roll_at: u64,
    prefix: String,
    current: Option<Open>,
    pending: Vec<Pending>,
    /// Files begun by this attempt of this subtask.
    files: u64,
    buffer: Vec<u8>,
}

impl FileSink {
    /// Writes the buffer to the open file, which it may begin.
    fn write(&mut self, info: &TaskInfo) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.current.is_none() {
            let name = format!("{}{}-{}-{}", self.prefix, info.attempt, info.subtask, self.files);
            self.files += 1;
            let (file, path) = staging::create(&self.place, &name)?;
            self.current = Some(Open { name, file, path, size: 0 });
        }
        if let Some(open) = &mut self.current {
            open.file.write_all(&self.buffer).map_err(|e| staging::failed("write", &open.path, e))?;
            open.size += self.buffer.len() as u64;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Closes the open file and makes it durable; `saved` for a savepoint.
    fn close(&mut self, info: &TaskInfo, saved: bool) -> Result<()> {
        self.write(info)?;
        if let Some(open) = self.current.take() {
            staging::seal(&self.place, &open.name, &open.file, &open.path, saved)?;
            self.pending.push(Pending { name: open.name, size: open.size, checkpoint: None, saved });
        }
        Ok(())
    }
}

/// Makes parts visible. What is not there was visible before: nobody removes a part that a checkpoint has.
fn publish<'a>(place: &Opened, parts: impl Iterator<Item = &'a Pending>) -> Result<()> {
    let (mut gone, mut count) = (None, 0);
    for p in parts {
        if !staging::publish(place, &p.name, p.size)? {
            gone.get_or_insert(&p.name);
            count += 1;
        }
    }
    if let Some(first) = gone {
        let place = place.describe();
        tracing::warn!(
            "{count} files of a complete checkpoint are gone from {place}, the first is {first}: unless they were taken \
             away after they had become visible, their rows are lost"
        );
    }
    Ok(())
}

impl Operator for FileSink {
    fn open(&mut self, ctx: &mut OperatorContext<'_>, restored: &OperatorState) -> Result<()> {
        let items = restored.items(PENDING).iter().map(|item| serde_json::from_slice(item));
        let all: Vec<Pending> = items.collect::<Result<_, _>>().internal("a pending file's name cannot be read")?;
        let parallelism = ctx.info.parallelism.max(1) as usize;
        publish(&self.place, all.iter().skip(ctx.info.subtask as usize).step_by(parallelism))?;
        if ctx.info.subtask == 0 {
            // Without a restored checkpoint nobody knows which sealed files another checkpoint needs: they stay, hidden.
            let known: HashSet<&str> = all.iter().map(|p| p.name.as_str()).collect();
            let keep = |name: &str| known.contains(name);
            let keep: Option<&dyn Fn(&str) -> bool> = if restored.is_empty() { None } else { Some(&keep) };
            staging::sweep(&self.place, &self.prefix, &ctx.info.attempt, keep)?;
        }
        Ok(())
    }

    fn on_batch(
        &mut self,
        _input: usize,
        batch: Batch,
        ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<()> {
        for row in 0..batch.num_rows() {
            if batch.op(row)? != Op::Insert {
                return Err(Error::internal("the filesystem sink got a row that is no insert"));
            }
            self.encoder.encode(&batch.data, row, &mut self.buffer)?;
            let size = self.current.as_ref().map_or(0, |c| c.size) + self.buffer.len() as u64;
            if size >= self.roll_at {
                self.close(ctx.info, false)?;
            } else if self.buffer.len() >= WRITE_AT {
                self.write(ctx.info)?;
            }
        }
        OperatorMetrics::add(&ctx.metrics.rows_out, batch.num_rows() as u64);
        Ok(())
    }

    fn on_end(&mut self, _drained: bool, ctx: &mut OperatorContext<'_>, _out: &mut dyn Output) -> Result<()> {
        self.close(ctx.info, false)
    }

    fn snapshot(
        &mut self,
        barrier: &Barrier,
        ctx: &mut OperatorContext<'_>,
        _out: &mut dyn Output,
    ) -> Result<OperatorState> {
        let saved = barrier.kind == BarrierKind::Savepoint;
        self.close(ctx.info, saved)?;
        for p in &mut self.pending {
            p.checkpoint.get_or_insert(barrier.id);
            if saved && !p.saved {
                staging::save(&self.place, &p.name)?;
                p.saved = true;
            }
        }
        let item = |p: &Pending| serde_json::to_vec(p).map_err(|e| Error::internal("a pending file").caused_by(e));
        let mut state = OperatorState::default();
        state.set(PENDING, ListMode::Union, self.pending.iter().map(item).collect::<Result<_>>()?);
        Ok(state)
    }

    fn checkpoint_complete(&mut self, id: CheckpointId, _ctx: &mut OperatorContext<'_>) -> Result<()> {
        publish(&self.place, self.pending.iter().filter(|p| p.checkpoint.is_some_and(|c| c <= id)))?;
        self.pending.retain(|p| p.checkpoint.is_none_or(|c| c > id));
        Ok(())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // A temporary file of this machine; what lies in the folder is swept by the next attempt.
        if let (Some(open), Opened::Bucket { .. }) = (&self.current, &self.place) {
            let _ = std::fs::remove_file(&open.path);
        }
    }
}
