//! The job's account in checkpoint storage: taking it over, what to restore,
//! writing checkpoints down. Everything here may block on storage.

use super::names::Names;
use super::snapshots::{self, Collected};
use crate::control::Origin;
use crate::control::message::Terms;
use crate::settings::JobSettings;
use streamjob_api::RestoredCheckpoint;
use streamjob_checkpoint::collector::Sweep;
use streamjob_checkpoint::layout::Place;
use streamjob_checkpoint::lineage::{Job, Lineage, Publish, Slot, TakeOver};
use streamjob_checkpoint::plan::{self, NewJob, NewOperator, RestorePlan};
use streamjob_checkpoint::restore::{self, Decision, RestoreFrom, RestorePoint};
use streamjob_checkpoint::{CheckpointReader, CheckpointWriter, Kind, Manifest, Sizes};
use streamjob_checkpoint::{ClaimMode, Collector};
use streamjob_core::{CheckpointId, Error, JobId, Result};
use streamjob_engine::deploy::RestoreState;
use streamjob_engine::{JobGraph, NodeKind};

/// Times that a claim is decided again because the head moved meanwhile.
const CLAIM_TRIES: u32 = 20;

/// A job that this process owns in storage.
pub struct Ledger {
    job: Job,
    lineage: Lineage,
    point: Option<RestorePoint>,
    /// What the present deployment was restored from.
    restored_from: Option<String>,
    /// The checkpoint or savepoint that a finished or drained run ended with, when the job would go on from it.
    finished: Option<String>,
    next_id: CheckpointId,
    collector: Collector,
    start_message: String,
    /// It was told to go on from the job's own state, whatever that is.
    continues: bool,
}

/// A planned deletion of what no retained checkpoint refers to; works beside the coordinator.
pub struct Sweeper {
    sweep: Sweep,
    lineage: Lineage,
}

impl Sweeper {
    /// Deletes. A failure is logged: the next sweep repeats what was left.
    pub fn run(self) {
        match self.sweep.run(&self.lineage) {
            Ok(swept) if swept.objects > 0 => {
                tracing::debug!("deleted {} files of retired checkpoints, {} bytes", swept.objects, swept.bytes);
            }
            Ok(_) => {}
            Err(e) => tracing::warn!("retired checkpoints could not be deleted: {e}"),
        }
    }
}

/// What is known of a checkpoint when all tasks have answered.
pub struct Finished {
    /// Its number.
    pub id: CheckpointId,
    /// Checkpoint or savepoint.
    pub kind: Kind,
    /// True when the end of event time went before it.
    pub drained: bool,
    /// Trigger time, milliseconds since the epoch.
    pub triggered_ms: i64,
    /// Deployment whose tasks wrote it.
    pub attempt: String,
    /// Its default number of subtasks.
    pub parallelism: u32,
    /// Where it goes.
    pub slot: Slot,
    /// The tasks' parts.
    pub collected: Collected,
}

/// A checkpoint that exists.
#[derive(Debug, Clone)]
pub struct Written {
    /// Location of its folder.
    pub location: String,
    /// How large it is.
    pub sizes: Sizes,
    /// What it consists of.
    manifest: Box<Manifest>,
}

impl Ledger {
    /// Proves that storage honours what a claim rests on. Takes some tens of requests.
    pub fn prove(settings: &JobSettings) -> Result<()> {
        let job = Job::open(&settings.storage, &settings.namespace, &settings.name)?;
        streamjob_checkpoint::store::probe(settings.storage.root.as_ref(), job.paths().dir())
    }

    /// Decides what to start from, checks that the job fits it, and takes the next generation, in storage that is proven.
    /// Nothing of a running predecessor is touched before the job is known to fit.
    pub fn claim(settings: &JobSettings) -> Result<Self> {
        let job = Job::open(&settings.storage, &settings.namespace, &settings.name)?;
        Self::take(settings, job, &settings.restore)
    }

    /// Decides anew after an unknown outcome: whatever is in storage is the truth.
    /// After an error it can be asked again.
    pub fn reclaim(&mut self, settings: &JobSettings) -> Result<()> {
        let head = self.job.head()?;
        // The head may have been moved by an earlier try of this call whose answer was lost.
        if !head.as_ref().is_some_and(|v| self.job.moved(&v.head)) {
            self.lineage.check_in_power()?;
        }
        let from = match head.and_then(|v| v.head.latest) {
            Some(_) => RestoreFrom::Latest,
            None => settings.restore.clone(),
        };
        *self = Self::take(settings, self.job.clone(), &from)?;
        Ok(())
    }

    fn take(settings: &JobSettings, job: Job, from: &RestoreFrom) -> Result<Self> {
        for _ in 0..CLAIM_TRIES {
            let mut decision = restore::resolve(&job, &settings.owner, from, false)?;
            decision.claim.revision.clone_from(&settings.revision);
            decision.own(if settings.claim { ClaimMode::Claim } else { ClaimMode::NoClaim });
            for skipped in &decision.skipped {
                tracing::warn!(
                    "checkpoint {} is passed over: {}; what was published since the one before is published again",
                    skipped.location,
                    skipped.reason
                );
            }
            if let Some(point) = &decision.point {
                check_fits(settings, point)?;
            }
            if let TakeOver::Done(lineage) = job.take_over(&settings.owner, &decision.claim, settings.clock.now_ms())? {
                let start_message = start_message(&decision);
                let collector = Collector::start(&job, &lineage, &decision, settings.retained())?;
                let finished = finished(&decision);
                return Ok(Self {
                    continues: decision.claim.same_lineage && matches!(from, RestoreFrom::Auto | RestoreFrom::Latest),
                    restored_from: decision.point.as_ref().map(|p| p.location.clone()),
                    finished,
                    job,
                    lineage,
                    collector,
                    next_id: decision.next_id,
                    point: decision.point,
                    start_message,
                });
            }
        }
        Err(Error::transient(format!("{} keeps being taken over by other coordinators", job.paths().dir()))
            .fix("stop the other coordinators of this job"))
    }

    /// The job's place in storage.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The lineage's job id.
    pub fn job_id(&self) -> &JobId {
        &self.lineage.head().job_id
    }

    /// The generation held.
    pub fn generation(&self) -> u64 {
        self.lineage.generation()
    }

    /// What the job starts from, for people.
    pub fn start_message(&self) -> &str {
        &self.start_message
    }

    /// The number of the next checkpoint.
    pub fn next_id(&self) -> CheckpointId {
        self.next_id
    }

    /// Set when the last run finished, all its input done and published, or was drained.
    pub fn finished_already(&self) -> Option<String> {
        self.finished.clone()
    }

    /// Location of what is restored.
    pub fn restores_from(&self) -> Option<String> {
        self.point.as_ref().map(|p| p.location.clone())
    }

    /// What is being restored, for the REST API.
    pub fn restored(&self, now_ms: i64) -> Option<RestoredCheckpoint> {
        self.point.as_ref().map(|p| RestoredCheckpoint {
            id: p.manifest.checkpoint,
            restore_timestamp: now_ms,
            is_savepoint: p.manifest.kind.is_savepoint(),
            external_path: p.location.clone(),
        })
    }

    /// State to deploy from, and what reads its files.
    pub fn restore(&mut self) -> Result<(RestoreState, CheckpointReader)> {
        self.restored_from = self.point.as_ref().map(|p| p.location.clone());
        match &self.point {
            Some(point) => {
                Ok((snapshots::restore_state(&point.manifest.operators, &point.reader)?, point.reader.clone()))
            }
            None => {
                let reader = CheckpointReader::new(self.lineage.store().clone(), self.lineage.paths().dir());
                Ok((RestoreState::default(), reader))
            }
        }
    }

    /// Asks storage, on whatever thread calls it, whether this coordinator is in power. Errors: User when another is.
    pub fn power(&self) -> impl FnOnce() -> Result<()> + Send + 'static {
        let lineage = self.lineage.clone();
        move || lineage.check_in_power()
    }

    /// Where checkpoints and savepoints go, until the job is claimed anew.
    pub fn names(&self) -> Names {
        Names::new(self.lineage.clone())
    }

    /// What was published counts from now on, and the oldest that is retained gives way: fixes what is garbage then.
    /// `pending` are checkpoints that may build on those before it.
    pub fn retire(
        &mut self,
        written: Written,
        pending: &[CheckpointId],
        next_id: CheckpointId,
        now_ms: i64,
    ) -> Sweeper {
        self.collector.completed(&written.manifest, pending);
        Sweeper { sweep: self.collector.plan(pending, next_id, now_ms), lineage: self.lineage.clone() }
    }

    /// Who deploys, and what it starts from.
    pub fn origin(&self) -> Origin {
        Origin { generation: self.generation(), restored_from: self.restored_from.clone() }
    }

    /// Errors (User) when another coordinator has taken the job over.
    pub fn check_in_power(&self) -> Result<()> {
        self.lineage.check_in_power()
    }

    /// True when there may be tasks of another coordinator that go on where this one would.
    pub fn may_continue(&self) -> bool {
        self.continues && self.point.as_ref().is_some_and(|p| p.same_lineage && !p.manifest.kind.stops())
    }

    /// Whether tasks that run may be gone on with: what they have published is what would be restored, so nobody has
    /// published anything since then. Says why not.
    pub fn adoptable(&self, attempt: &str, terms: &Terms) -> std::result::Result<(), String> {
        let point = self.point.as_ref().filter(|_| self.may_continue());
        let point = point.ok_or("the job does not go on from its own state")?;
        if point.manifest.attempt != attempt && terms.restored_from.as_ref() != Some(&point.location) {
            let id = point.manifest.checkpoint;
            return Err(format!("checkpoint {id} is not theirs: another attempt has published since"));
        }
        Ok(())
    }

    /// Goes on with a running attempt. The number of the checkpoint whose output it may still have to publish.
    pub fn adopt(&mut self, attempt: &str, terms: &Terms) -> Option<CheckpointId> {
        self.restored_from.clone_from(&terms.restored_from);
        self.add_attempt(attempt);
        let point = self.point.as_ref()?;
        (point.manifest.attempt == attempt && !point.manifest.kind.is_savepoint()).then_some(point.manifest.checkpoint)
    }

    /// A new deployment writes under this name.
    pub fn add_attempt(&mut self, attempt: &str) {
        self.collector.add_attempt(attempt);
    }

    /// The job ended and keeps no checkpoints.
    pub fn delete_checkpoints(&mut self, now_ms: i64) -> Result<()> {
        let swept = streamjob_checkpoint::collector::delete_all(&mut self.lineage, now_ms)?;
        tracing::info!("deleted {} files of checkpoints, as checkpoint.retention says", swept.objects);
        Ok(())
    }

    /// Writes the manifest, wins the epoch, moves the head. To be followed by `retire`.
    pub fn publish(
        &mut self,
        settings: &JobSettings,
        writer: &CheckpointWriter,
        done: Finished,
    ) -> (Publish, Option<Written>) {
        let slot = done.slot.clone();
        let mut manifest = match self.manifest(settings, writer, done) {
            Ok(manifest) => manifest,
            Err(e) => return (Publish::Failed(e), None),
        };
        if let Some(path) = self.dangling(&manifest) {
            let id = manifest.checkpoint;
            let text = format!("checkpoint {id} refers to {path}, which no retained checkpoint holds");
            return (Publish::Failed(Error::internal(text)), None);
        }
        manifest.measure();
        let outcome = self.lineage.publish(&slot, &manifest, settings.clock.now_ms());
        if !matches!(outcome, Publish::Done) {
            return (outcome, None);
        }
        let written =
            Written { location: slot.location.clone(), sizes: manifest.sizes, manifest: Box::new(manifest.clone()) };
        if !manifest.kind.is_savepoint() {
            self.point = Some(RestorePoint {
                location: slot.location,
                reader: CheckpointReader::new(self.lineage.store().clone(), self.lineage.paths().dir()),
                manifest,
                same_lineage: true,
            });
        }
        (outcome, Some(written))
    }

    /// A shared file that may be swept, or is already: neither this checkpoint's own nor of one that is retained. Only one
    /// that was built on a checkpoint which has been retired meanwhile refers to such.
    fn dangling(&self, manifest: &Manifest) -> Option<String> {
        let own =
            |path: &str| matches!(Place::of(path), Place::Shared { creator, .. } if creator == manifest.checkpoint);
        let mut shared = manifest.files().map(|f| &f.path).filter(|p| matches!(Place::of(p), Place::Shared { .. }));
        shared.find(|path| !own(path) && !self.collector.holds(path)).cloned()
    }

    fn manifest(&self, settings: &JobSettings, writer: &CheckpointWriter, done: Finished) -> Result<Manifest> {
        let now_ms = settings.clock.now_ms();
        let secret = |key: &str| key.contains("secret") || key.contains("password") || key.contains("access-key");
        let options = settings.options.iter().filter(|(k, _)| !secret(k));
        Ok(Manifest {
            namespace: settings.namespace.clone(),
            job: settings.name.clone(),
            job_id: self.job_id().clone(),
            checkpoint: done.id,
            kind: done.kind,
            drained: done.drained,
            generation: self.generation(),
            attempt: done.attempt,
            owner: settings.owner.clone(),
            created_at_ms: done.triggered_ms,
            duration_ms: u64::try_from(now_ms - done.triggered_ms).unwrap_or(0),
            parallelism: done.parallelism,
            max_parallelism: settings.max_parallelism,
            backend: settings.backend.name().to_string(),
            written_by: format!("streamjob {}", env!("CARGO_PKG_VERSION")),
            script: settings.script.clone(),
            restored_from: self.restored_from.clone(),
            savepoint_path: done.kind.is_savepoint().then(|| done.slot.location.clone()),
            sizes: Sizes::default(),
            options: options.map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            operators: done.collected.into_operators(&settings.graph, writer)?,
        })
    }
}

/// Behind a final checkpoint nothing is left to do. Behind a savepoint with `--drain` event time has ended, and every
/// further row would be late: only who names that savepoint by its path goes on from it.
fn finished(decision: &Decision) -> Option<String> {
    let point = decision.point.as_ref().filter(|p| p.manifest.drained)?;
    if !point.manifest.kind.is_savepoint() || decision.claim.same_lineage {
        return Some(point.location.clone());
    }
    tracing::warn!(
        "{} was taken with --drain: event time has ended in it, so rows of event-time windows will be late and dropped",
        point.location
    );
    None
}

fn start_message(decision: &Decision) -> String {
    match &decision.point {
        None => "starts empty".to_string(),
        Some(point) => {
            let what = point.manifest.kind.word();
            format!("resumes from {what} {} ({})", point.manifest.checkpoint, point.location)
        }
    }
}

/// What becomes of each operator's state. Errors (User) when the job cannot take it: named operator, state and field.
pub fn check(settings: &JobSettings, point: &RestorePoint) -> Result<RestorePlan> {
    let job = NewJob {
        operators: new_operators(&settings.graph),
        parallelism: settings.parallelism,
        max_parallelism: settings.max_parallelism,
    };
    let plan = plan::plan(&point.manifest, &job);
    plan.check(&point.location, settings.allow_non_restored)?;
    Ok(plan)
}

fn check_fits(settings: &JobSettings, point: &RestorePoint) -> Result<()> {
    let plan = check(settings, point)?;
    for text in &plan.new {
        tracing::info!("restore: {text} starts empty");
    }
    for text in &plan.dropped {
        tracing::warn!("restore: {text} is left behind");
    }
    Ok(())
}

fn new_operators(graph: &JobGraph) -> Vec<NewOperator> {
    let operators = graph.nodes.iter().map(|node| match &node.kind {
        NodeKind::Source(_) => {
            NewOperator { uid: node.uid.clone(), name: node.name.clone(), has_operator_state: true, keyed: Vec::new() }
        }
        NodeKind::Operator(factory) => NewOperator {
            uid: node.uid.clone(),
            name: node.name.clone(),
            has_operator_state: factory.has_operator_state(),
            keyed: factory.keyed_states(),
        },
    });
    operators.filter(|o| o.has_operator_state || !o.keyed.is_empty()).collect()
}
