//! A world in memory: objects that appear late, coordinators that hold to the
//! runtime's rules (docs/processes.md), storage that is the truth, a clock.
//! What a form is like stands in `spec.configuration.sim`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;
use streamjob_api as api;
use streamjob_crds::StreamJobStatus;
use streamjob_operator::model::{Call, Form, Observed, Process, Record, Shape, Step, Workers};
use streamjob_operator::names::Revision;
use streamjob_operator::validate::ValidJob;

/// A checkpoint or savepoint.
#[derive(Clone, Debug)]
pub struct Point {
    pub path: String,
    pub position: u64,
    pub stop: bool,
    pub lineage: u64,
    pub generation: u64,
}

/// Of a savepoint behind which the job goes on.
const NO_LINEAGE: u64 = u64::MAX;

/// Head of the job in storage.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub revision: Option<Revision>,
    pub generation: u64,
    pub lineage: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Starting(u32),
    Standby,
    Running { generation: u64, deployed: bool },
    Lingering(u32),
    Refused(String),
    Done,
}

#[derive(Clone, Debug)]
pub struct Coordinator {
    phase: Phase,
    triggers: BTreeMap<String, (api::TriggerKind, Option<api::TriggerOutcome>)>,
    stop_in: Option<(String, u32)>,
    position: u64,
    parallelism: u32,
    completed: u64,
    beat: u32,
    preflight: api::Preflight,
}

impl Coordinator {
    fn new(parallelism: u32) -> Self {
        Self {
            phase: Phase::Starting(2),
            triggers: BTreeMap::new(),
            stop_in: None,
            position: 0,
            parallelism,
            completed: 0,
            beat: 0,
            preflight: api::Preflight::default(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Objects {
    pub shape: Shape,
    pub workers_up: u32,
    pub coordinator: Coordinator,
}

#[derive(Clone, Debug)]
pub struct World {
    pub second: i64,
    pub job: ValidJob,
    pub deleting: Option<Timestamp>,
    pub gone: bool,
    pub finalizer: bool,
    pub status: StreamJobStatus,
    pub version: u64,
    pub records: BTreeMap<Revision, Record>,
    pub objects: BTreeMap<Revision, Objects>,
    pub given: BTreeSet<Revision>,
    pub shared: Option<Revision>,
    pub points: Vec<Point>,
    pub head: Head,
    /// Pods that the cluster has room for.
    pub room: u32,
    /// Storage refuses savepoints.
    pub refuse_savepoints: bool,
    /// Nothing goes forward: for the test of being settled.
    pub frozen: bool,
    /// What must never happen, and did.
    pub broken: Vec<String>,
    /// A running form was fenced although it could have been stopped.
    pub fenced: Vec<String>,
}

impl World {
    pub fn new(job: ValidJob) -> Self {
        Self {
            second: 1_800_000_000,
            job,
            deleting: None,
            gone: false,
            finalizer: false,
            status: StreamJobStatus::default(),
            version: 1,
            records: BTreeMap::new(),
            objects: BTreeMap::new(),
            given: BTreeSet::new(),
            shared: None,
            points: Vec::new(),
            head: Head::default(),
            room: 64,
            refuse_savepoints: false,
            frozen: false,
            broken: Vec::new(),
            fenced: Vec::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second).unwrap()
    }

    /// What the newest state of the job has counted.
    fn published(&self) -> Option<&Point> {
        self.points.iter().rev().find(|p| p.lineage == self.head.lineage)
    }

    pub fn observe(&self) -> Observed {
        let forms = self.records.iter().map(|(r, record)| {
            let mut form = Form::of(record.clone());
            if let Some(o) = self.objects.get(r) {
                form.parallelism = Some(o.shape.parallelism);
                form.workers = Workers {
                    wanted: Some(o.shape.workers),
                    ready: o.workers_up,
                    trouble: (o.workers_up < o.shape.workers).then(|| "no node has room".to_owned()),
                };
                form.coordinator = match &o.coordinator.phase {
                    _ if sim(record) == "bad-image" => Process::Trouble("ErrImagePull".into(), "no such image".into()),
                    Phase::Starting(_) => Process::Starting,
                    Phase::Standby | Phase::Running { .. } | Phase::Lingering(_) => Process::Up,
                    Phase::Refused(why) => Process::Refused(why.clone()),
                    Phase::Done => Process::Done,
                };
                form.job = self.answer(*r, record, o);
            }
            (*r, form)
        });
        Observed {
            deleting: self.deleting,
            force_delete: false,
            finalizer: self.finalizer,
            status: self.status.clone(),
            forms: forms.collect(),
            foreign: Vec::new(),
            shared: self.shared,
        }
    }

    fn answer(&self, revision: Revision, record: &Record, o: &Objects) -> Option<api::JobStatus> {
        let c = &o.coordinator;
        let (state, generation, standby) = match &c.phase {
            Phase::Standby => (api::JobState::Created, 0, Some(c.preflight.clone())),
            Phase::Running { generation, deployed: true } => (api::JobState::Running, *generation, None),
            Phase::Running { generation, deployed: false } => (api::JobState::Created, *generation, None),
            Phase::Lingering(_) => (api::JobState::Finished, self.head.generation, None),
            _ => return None,
        };
        let slots = o.workers_up * record.spec.worker.slots;
        let newest = self.published().filter(|_| generation > 0).map(|p| api::PointStatus {
            id: p.position,
            location: p.path.clone(),
            triggered_at: self.second * 1000,
            duration: 1,
            state_size: 1,
            checkpointed_size: 1,
        });
        let running = state == api::JobState::Running;
        Some(api::JobStatus {
            version: 0,
            job: self.job.name.clone(),
            job_id: format!("lineage-{}", self.head.lineage),
            generation,
            streamjob_version: String::new(),
            plan_digest: String::new(),
            revision: revision.to_string(),
            standby,
            state,
            timestamps: BTreeMap::new(),
            started_at: 0,
            now: self.second * 1000,
            parallelism: api::ParallelismStatus {
                wanted: c.parallelism,
                now: if running { c.parallelism } else { 0 },
                max: 128,
            },
            workers: api::WorkersStatus { slots_wanted: c.parallelism, registered: o.workers_up, slots, free_slots: 0 },
            checkpoints: api::CheckpointTotals { completed: c.completed, failed: 0, failed_in_a_row: 0 },
            // Its time would move with each look.
            last_checkpoint: newest.map(|p| api::PointStatus { triggered_at: 0, ..p }),
            last_savepoint: None,
            restored_from: None,
            restarts: 0,
            last_failure: None,
            last_rescale: None,
            triggers: c
                .triggers
                .iter()
                .map(|(id, (kind, outcome))| api::TriggerEntry {
                    trigger_id: id.clone(),
                    kind: *kind,
                    status: if outcome.is_some() { api::Progress::Completed } else { api::Progress::InProgress },
                    outcome: outcome.clone(),
                })
                .collect(),
        })
    }

    /// Carries a step out. `seen` is the version of the object that was planned from. False: it was not done.
    pub fn apply(&mut self, step: &Step, seen: u64) -> bool {
        if step.destroys() && seen != self.version {
            return false;
        }
        match step {
            Step::Record(r, record) => {
                if !self.records.contains_key(r) {
                    if !self.given.insert(*r) {
                        self.broken.push(format!("{r} is given twice"));
                    }
                    self.records.insert(*r, (**record).clone());
                }
            }
            Step::Ensure(r, shape) => {
                if !self.records.contains_key(r) {
                    return false;
                }
                let made =
                    || Objects { shape: *shape, workers_up: 0, coordinator: Coordinator::new(shape.parallelism) };
                self.objects.entry(*r).or_insert_with(made).shape = *shape;
            }
            Step::Share(r) => self.shared = Some(*r),
            Step::Ask(r, id, call) => self.ask(*r, id, call),
            Step::Clear(r) => {
                self.remove(*r);
            }
            Step::Forget(r) => {
                self.remove(*r);
                self.records.remove(r);
            }
            Step::Hold => self.finalizer = true,
            Step::Release => {
                self.finalizer = false;
                self.gone = self.deleting.is_some();
            }
        }
        true
    }

    /// A running form that is removed has not published what it counted since: allowed only when it is fenced or broken.
    fn remove(&mut self, r: Revision) {
        if let Some(o) = self.objects.remove(&r) {
            let in_power =
                self.head.revision == Some(r) && matches!(o.coordinator.phase, Phase::Running { deployed: true, .. });
            if in_power && o.coordinator.completed > 0 {
                self.broken.push(format!("{r} was removed while it ran"));
            }
        }
    }

    fn ask(&mut self, r: Revision, id: &str, call: &Call) {
        let refuse = self.refuse_savepoints;
        let Some(o) = self.objects.get_mut(&r) else { return };
        let c = &mut o.coordinator;
        if c.triggers.contains_key(id) {
            return;
        }
        let failed = |message: &str| api::TriggerOutcome {
            failure: Some(api::FailureCause { class: "NO".into(), message: message.into() }),
            ..api::TriggerOutcome::default()
        };
        match (call, c.phase.clone()) {
            (Call::Savepoint, Phase::Running { deployed: true, .. }) => {
                let path = format!("s3://b/sp-{r}-{}", c.position);
                let outcome = match refuse {
                    true => failed("storage refuses"),
                    false => api::TriggerOutcome { location: Some(path.clone()), ..api::TriggerOutcome::default() },
                };
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Savepoint, Some(outcome)));
                let (position, generation) = (c.position, self.head.generation);
                if !refuse {
                    self.points.push(Point { path, position, stop: false, lineage: NO_LINEAGE, generation });
                }
            }
            (Call::Stop | Call::StopBehindCheckpoint, Phase::Running { deployed: true, .. }) => {
                let outcome = refuse.then(|| failed("storage refuses"));
                if outcome.is_none() {
                    c.stop_in = Some((id.to_owned(), 2));
                }
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Stop, outcome));
            }
            (Call::Rescale(Shape { parallelism: p, .. }), Phase::Running { deployed: true, .. }) => {
                let slots = o.workers_up * self.records.get(&r).map_or(1, |x| x.spec.worker.slots);
                let outcome = if slots < *p {
                    failed("too few slots")
                } else {
                    c.parallelism = *p;
                    let rescale = api::RescaleOutcome { from: 0, to: *p, outage_ms: 1 };
                    api::TriggerOutcome { rescale: Some(rescale), ..api::TriggerOutcome::default() }
                };
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Rescale, Some(outcome)));
            }
            (Call::Checkpoint, Phase::Running { deployed: true, .. }) => {
                // With the next second.
                c.beat = 2;
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Checkpoint, Some(api::TriggerOutcome::default())));
            }
            (Call::Cancel, Phase::Running { .. }) => {
                c.phase = Phase::Lingering(2);
                self.points.clear();
            }
            (Call::Go(from), Phase::Standby) => {
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Go, None));
                let outcome = match self.begin(r, from) {
                    Ok(()) => api::TriggerOutcome::default(),
                    Err(why) => failed(&why),
                };
                if let Some(o) = self.objects.get_mut(&r) {
                    o.coordinator.triggers.insert(id.to_owned(), (api::TriggerKind::Go, Some(outcome)));
                }
            }
            (_, Phase::Standby | Phase::Running { .. }) => {
                c.triggers.insert(id.to_owned(), (api::TriggerKind::Stop, Some(failed("cannot"))));
            }
            _ => {}
        }
    }

    /// Claims a generation and restores, by the runtime's rules; who ran before is fenced.
    fn begin(&mut self, r: Revision, from: &str) -> Result<(), String> {
        let Some(record) = self.records.get(&r).cloned() else { return Err("no record".into()) };
        let newest = self.published().cloned();
        let mut lineage = self.head.lineage;
        let point = match from {
            "none" => {
                lineage += 1;
                None
            }
            "auto" | "latest" => newest.clone(),
            path => Some(self.points.iter().find(|p| p.path == path).cloned().ok_or("no such path")?),
        };
        if point.is_some() && sim(&record) == "incompatible" {
            return Err("operator count: its state does not fit; give it a uid".into());
        }
        let restored = point.as_ref().map_or(0, |p| p.position);
        if from != "none" {
            let newest = newest.map_or(0, |p| p.position);
            if restored < newest {
                self.broken.push(format!("{r} starts from {restored} ({from}), but {newest} are published"));
            }
        }
        for (other, o) in &mut self.objects {
            if *other != r
                && let Phase::Running { deployed, .. } = o.coordinator.phase
            {
                if deployed && o.coordinator.completed > 0 {
                    self.fenced.push(format!("{other} by {r}"));
                }
                o.coordinator.phase = Phase::Refused("a later coordinator is in power".into());
            }
        }
        self.head = Head { revision: Some(r), generation: self.head.generation + 1, lineage };
        if let Some(o) = self.objects.get_mut(&r) {
            o.coordinator.position = restored;
            o.coordinator.completed = 0;
            o.coordinator.phase = Phase::Running { generation: self.head.generation, deployed: false };
        }
        Ok(())
    }

    /// The process of a coordinator, or its pod, is lost.
    pub fn kill(&mut self, r: Revision) {
        let Some(o) = self.objects.get_mut(&r) else { return };
        if !matches!(o.coordinator.phase, Phase::Done | Phase::Refused(_)) {
            o.coordinator = Coordinator::new(o.shape.parallelism);
        }
    }

    pub fn tick(&mut self) {
        self.second += 1;
        if self.frozen {
            return;
        }
        let mut room = self.room;
        for o in self.objects.values_mut() {
            let over = matches!(o.coordinator.phase, Phase::Done);
            o.workers_up = if over { 0 } else { o.shape.workers.min(room).min(o.workers_up + 1) };
            room -= o.workers_up;
        }
        for r in self.objects.keys().copied().collect::<Vec<_>>() {
            self.turn(r);
        }
    }

    fn turn(&mut self, r: Revision) {
        let Some(record) = self.records.get(&r).cloned() else { return };
        let Some(o) = self.objects.get_mut(&r) else { return };
        if sim(&record) == "bad-image" {
            return;
        }
        let slots = o.workers_up * record.spec.worker.slots;
        match o.coordinator.phase.clone() {
            Phase::Starting(n) if n > 0 => o.coordinator.phase = Phase::Starting(n - 1),
            Phase::Starting(_) => self.launch(r, &record),
            Phase::Running { generation, deployed } => {
                let deploys = slots >= o.coordinator.parallelism;
                if deploys != deployed {
                    o.coordinator.phase = Phase::Running { generation, deployed: deploys };
                }
                if deploys {
                    self.work(r, &record);
                }
            }
            Phase::Lingering(0) => o.coordinator.phase = Phase::Done,
            Phase::Lingering(n) => o.coordinator.phase = Phase::Lingering(n - 1),
            Phase::Standby | Phase::Refused(_) | Phase::Done => {}
        }
    }

    fn launch(&mut self, r: Revision, record: &Record) {
        let newest = self.published().cloned();
        let again = self.head.revision == Some(r);
        let set = |world: &mut Self, phase| {
            if let Some(o) = world.objects.get_mut(&r) {
                o.coordinator.phase = phase;
            }
        };
        if sim(record) == "bad-sql" {
            return set(self, Phase::Refused("spec.job.sql: no such table".into()));
        }
        if again && newest.as_ref().is_some_and(|p| p.stop && p.generation == self.head.generation) {
            return set(self, Phase::Done);
        }
        if record.start.standby && !again {
            let fits = newest.is_none() || sim(record) != "incompatible";
            let preflight = api::Preflight {
                fits,
                location: newest.map(|p| p.path),
                error: (!fits).then(|| "operator count: its state does not fit".to_owned()),
                ..api::Preflight::default()
            };
            if let Some(o) = self.objects.get_mut(&r) {
                o.coordinator.preflight = preflight;
            }
            return set(self, Phase::Standby);
        }
        let from = if again { "auto".to_owned() } else { record.start.from.clone().unwrap_or_else(|| "auto".into()) };
        if let Err(why) = self.begin(r, &from) {
            set(self, Phase::Refused(why));
        }
    }

    fn work(&mut self, r: Revision, record: &Record) {
        let Head { lineage, generation, .. } = self.head;
        let Some(o) = self.objects.get_mut(&r) else { return };
        let c = &mut o.coordinator;
        c.position += 1;
        c.beat += 1;
        let mut taken = None;
        if let Some((id, left)) = c.stop_in.take() {
            if left > 0 {
                c.stop_in = Some((id, left - 1));
            } else {
                let path = format!("s3://b/sp-{r}-{}", c.position);
                taken = Some((path.clone(), true));
                let outcome = api::TriggerOutcome { location: Some(path), ..api::TriggerOutcome::default() };
                c.triggers.insert(id, (api::TriggerKind::Stop, Some(outcome)));
                c.phase = Phase::Lingering(2);
            }
        } else if c.beat % 3 == 0 && sim(record) != "no-checkpoint" {
            taken = Some((format!("s3://b/chk-{r}-{}-{}", c.position, self.points.len()), false));
        }
        if let Some((path, stop)) = taken {
            c.completed += 1;
            let position = c.position;
            self.points.push(Point { path, position, stop, lineage, generation });
        }
    }
}

/// What a form is like.
pub fn sim(record: &Record) -> &str {
    record.spec.configuration.get("sim").map_or("", String::as_str)
}
