//! The plan in a simulated world, under faults. What must hold: no state is lost
//! and none is counted twice, no form that could have been stopped is fenced,
//! every spec comes to rest, and at rest nothing is written.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod world;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use streamjob_crds::StreamJobSpec;
use streamjob_crds::status::{JobState, UpgradeOutcome, UpgradePhase};
use streamjob_crds::streamjob::DesiredState;
use streamjob_operator::model::{Observed, Verdict};
use streamjob_operator::plan::plan;
use streamjob_operator::status::status;
use streamjob_operator::validate::{ValidJob, frozen};
use world::World;

fn spec() -> StreamJobSpec {
    serde_yaml::from_str(
        "job: {sql: SELECT 1}\nparallelism: 2\nupgrade: {rollback: {deadline: 90s}}\ncheckpoint: {storage: {type: S3, s3: {bucket: bucket}}}",
    )
    .unwrap()
}

fn start() -> World {
    World::new(ValidJob {
        name: "orders".into(),
        namespace: "shop".into(),
        uid: "u".into(),
        generation: 1,
        spec: spec(),
        image: "i".into(),
    })
}

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Version(&'static str),
    Scale(u32),
    Suspend,
    Resume,
    Storage(bool),
    Surge(bool),
    Room(u32),
}

fn act(world: &mut World, act: Act) {
    let spec = &mut world.job.spec;
    match act {
        Act::Version(like) => {
            spec.configuration.insert("sim".into(), like.into());
        }
        Act::Scale(p) => spec.parallelism = p,
        Act::Suspend => spec.state = DesiredState::Suspended,
        Act::Resume => spec.state = DesiredState::Running,
        Act::Storage(works) => world.refuse_savepoints = !works,
        Act::Surge(on) => spec.upgrade.surge = on,
        Act::Room(room) => world.room = room,
    }
    world.job.generation += 1;
}

/// The operator, with the ways in which it can be hurt.
#[derive(Default)]
struct Operator {
    writes: usize,
    /// It is gone after this many writes of a reconcile, once.
    die_after: Option<usize>,
    /// It sees the world as it was then.
    stale: Option<(Observed, u64)>,
}

impl Operator {
    /// One reconcile. Returns how many writes it made.
    fn reconcile(&mut self, world: &mut World) -> usize {
        if world.gone {
            return 0;
        }
        let (mut seen, mut version) = self.stale.take().unwrap_or_else(|| (world.observe(), world.version));
        let now = world.now();
        let mut made = plan(&world.job, &seen, now);
        if made.needs_live_look(&seen) {
            (seen, version) = (world.observe(), world.version);
            made = plan(&world.job, &seen, now);
        }
        let next = status(&world.job, &seen, &made, now);
        let before = self.writes;
        if next != seen.status {
            if version != world.version {
                return 0; // A conflict: the API server holds to the resource version.
            }
            world.status = next;
            world.version += 1;
            if self.wrote() {
                return self.writes - before;
            }
        }
        let version = if version + 1 == world.version && self.writes > before { world.version } else { version };
        for step in &made.steps {
            if world.apply(step, version) && self.wrote() {
                break;
            }
        }
        self.writes - before
    }

    /// Counts a write; true when the operator died of it.
    fn wrote(&mut self) -> bool {
        self.writes += 1;
        if self.die_after == Some(self.writes) {
            self.die_after = None;
            return true;
        }
        false
    }
}

fn run(world: &mut World, operator: &mut Operator, seconds: u32) {
    for _ in 0..seconds {
        operator.reconcile(world);
        world.tick();
    }
}

/// What must hold at rest.
fn settled(world: &mut World, operator: &mut Operator, what: &str) {
    // What could not be started in time is tried again now and then.
    for _ in 0..120 {
        if world.status.upgrade.as_ref().and_then(|u| u.phase) == Some(UpgradePhase::Prepare) {
            run(world, operator, 1);
        }
    }
    world.frozen = true;
    for _ in 0..3 {
        operator.reconcile(world);
    }
    let writes: usize = (0..3).map(|_| operator.reconcile(world)).sum();
    let seen = world.observe();
    let made = plan(&world.job, &seen, world.now());
    assert_eq!(writes, 0, "{what}: settled, but it writes: {made:?}\n{:?}", world.status);
    world.frozen = false;
    assert!(world.broken.is_empty(), "{what}: {:?}", world.broken);
    let running: Vec<_> = seen.forms.iter().filter(|(_, f)| f.runs()).collect();
    if world.job.spec.state == DesiredState::Suspended {
        assert!(world.objects.is_empty(), "{what}: {:?}", world.objects);
        assert_eq!((world.status.state, &made.verdict), (Some(JobState::Suspended), &Verdict::Steady), "{what}");
        return;
    }
    assert!(world.objects.len() <= 1, "{what}: {:?}", world.objects.keys());
    match &made.verdict {
        Verdict::Steady => {
            assert_eq!(running.len(), 1, "{what}: {made:?}");
            let (revision, form) = running[0];
            assert_eq!(frozen(&form.record.spec), frozen(&world.job.spec), "{what}");
            assert_eq!(
                (form.job.as_ref().unwrap().parallelism.now, form.workers.wanted.unwrap()),
                (world.job.spec.parallelism, world.job.spec.parallelism),
                "{what}"
            );
            assert_eq!(world.shared, Some(*revision), "{what}");
            assert_eq!(world.head.revision, Some(*revision), "{what}");
        }
        Verdict::Stalled(..) => assert!(
            world.job.spec.configuration.get("sim").is_some_and(|s| !s.starts_with('v'))
                || world.refuse_savepoints
                || world.room < 64,
            "{what}: {made:?}"
        ),
        Verdict::Progressing(..) => panic!("{what}: not at rest: {made:?}\n{:?}", world.status),
    }
}

const REST: u32 = 260;

#[test]
fn a_job_starts_and_comes_to_rest() {
    let (mut world, mut operator) = (start(), Operator::default());
    run(&mut world, &mut operator, 30);
    settled(&mut world, &mut operator, "deploy");
    assert_eq!(world.status.state, Some(JobState::Running));
    assert_eq!(world.status.last_stable_spec.as_ref().unwrap().name.as_deref(), Some("orders-r1"));
    assert!(world.fenced.is_empty());
}

#[test]
fn an_upgrade_goes_by_a_savepoint_and_takes_few_writes() {
    let (mut world, mut operator) = (start(), Operator::default());
    run(&mut world, &mut operator, 30);
    // Checkpoints are told in status too; they are counted apart.
    let before = operator.writes;
    run(&mut world, &mut operator, 60);
    let idle = operator.writes - before;
    act(&mut world, Act::Version("v2"));
    let before = operator.writes;
    run(&mut world, &mut operator, 60);
    let writes = operator.writes - before;
    settled(&mut world, &mut operator, "upgrade");
    let upgrade = world.status.upgrade.clone().unwrap();
    assert_eq!((upgrade.outcome, upgrade.phase), (Some(UpgradeOutcome::Completed), None));
    assert!(upgrade.savepoint_path.unwrap().contains("sp-r1"), "{:?}", world.status);
    assert!(world.fenced.is_empty(), "{:?}", world.fenced);
    assert!(writes <= idle + 15, "{writes} writes, {idle} of them checkpoints");
}

#[test]
fn what_cannot_take_over_is_refused_and_the_old_job_goes_on() {
    for like in ["incompatible", "bad-sql", "bad-image"] {
        let (mut world, mut operator) = (start(), Operator::default());
        run(&mut world, &mut operator, 30);
        let position = world.points.last().unwrap().position;
        act(&mut world, Act::Version(like));
        run(&mut world, &mut operator, REST);
        settled(&mut world, &mut operator, like);
        assert_eq!(world.status.upgrade.as_ref().unwrap().outcome, Some(UpgradeOutcome::Refused), "{like}");
        assert_eq!(world.status.revision.as_deref(), Some("r1"), "{like}");
        assert_eq!(world.head.generation, 1, "{like}: the old job was touched");
        assert!(world.points.last().unwrap().position > position, "{like}: the old job stands still");
        let stalled = world.status.conditions.iter().find(|c| c.kind == "Stalled").unwrap();
        assert_eq!(stalled.reason, "UpgradeRefused", "{like}");
        // And the way on.
        act(&mut world, Act::Version("v3"));
        run(&mut world, &mut operator, REST);
        settled(&mut world, &mut operator, like);
        assert_eq!(world.status.state, Some(JobState::Running), "{like}");
    }
}

#[test]
fn what_completes_no_checkpoint_is_rolled_back_to_the_savepoint() {
    let (mut world, mut operator) = (start(), Operator::default());
    run(&mut world, &mut operator, 30);
    act(&mut world, Act::Version("no-checkpoint"));
    run(&mut world, &mut operator, REST);
    settled(&mut world, &mut operator, "rollback");
    assert_eq!(world.status.state, Some(JobState::RolledBack));
    assert_eq!(world.status.upgrade.as_ref().unwrap().outcome, Some(UpgradeOutcome::RolledBack));
    assert_eq!(world.head.revision.unwrap().to_string(), "r3");
    assert!(world.points.iter().all(|p| !p.path.contains("-r2-")), "{:?}", world.points);
    act(&mut world, Act::Version("v3"));
    run(&mut world, &mut operator, REST);
    settled(&mut world, &mut operator, "after the rollback");
    assert_eq!(world.status.state, Some(JobState::Running));
}

#[test]
fn a_refused_savepoint_leaves_the_old_job_alone() {
    let (mut world, mut operator) = (start(), Operator::default());
    run(&mut world, &mut operator, 30);
    act(&mut world, Act::Storage(false));
    act(&mut world, Act::Version("v2"));
    run(&mut world, &mut operator, REST);
    assert_eq!(world.head.revision.unwrap().to_string(), "r1");
    assert!(world.status.upgrade.as_ref().unwrap().message.as_ref().unwrap().contains("storage refuses"));
    settled(&mut world, &mut operator, "savepoint refused");
}

/// The scenarios of which every crash point is tried.
const SCENARIOS: &[(&str, &[Act])] = &[
    ("upgrade", &[Act::Version("v2")]),
    ("upgrade without surge", &[Act::Surge(false), Act::Version("v2")]),
    ("upgrade without room", &[Act::Room(3), Act::Version("v2")]),
    ("rollback", &[Act::Version("no-checkpoint")]),
    ("refused", &[Act::Version("incompatible")]),
    ("scale up and down", &[Act::Scale(4), Act::Scale(1)]),
    ("suspend and resume", &[Act::Suspend, Act::Resume]),
    ("upgrade while suspended", &[Act::Suspend, Act::Version("v2"), Act::Resume]),
    ("broken while suspended", &[Act::Suspend, Act::Version("bad-sql"), Act::Resume, Act::Version("v3")]),
];

fn scenario(acts: &[Act], die_after: Option<usize>) -> (World, Operator) {
    let (mut world, mut operator) = (start(), Operator::default());
    run(&mut world, &mut operator, 30);
    operator.writes = 0;
    operator.die_after = die_after;
    for a in acts {
        act(&mut world, *a);
        run(&mut world, &mut operator, REST);
    }
    (world, operator)
}

#[test]
fn the_operator_may_die_after_any_write() {
    for (name, acts) in SCENARIOS {
        let (mut world, mut operator) = scenario(acts, None);
        let writes = operator.writes;
        settled(&mut world, &mut operator, name);
        assert!(world.fenced.is_empty(), "{name}: {:?}", world.fenced);
        let end = (world.status.state, world.status.revision.clone());
        for k in 1..=writes {
            let what = format!("{name}, dead after write {k} of {writes}");
            let (mut world, mut operator) = scenario(acts, Some(k));
            settled(&mut world, &mut operator, &what);
            assert!(world.fenced.is_empty(), "{what}: {:?}", world.fenced);
            assert_eq!((world.status.state, world.status.revision.clone()), end, "{what}");
        }
    }
}

#[test]
fn whatever_happens_it_comes_to_rest_with_all_state() {
    const LIKES: [&str; 6] = ["v2", "v3", "no-checkpoint", "incompatible", "bad-image", "bad-sql"];
    let seeds = std::env::var("STREAMJOB_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(400);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut world, mut operator) = (start(), Operator::default());
        let mut past: Vec<(Observed, u64)> = Vec::new();
        let mut acts = Vec::new();
        for second in 0..400 {
            if rng.random_bool(0.03) {
                let a = match rng.random_range(0..7) {
                    0 | 1 => Act::Version(LIKES[rng.random_range(0..LIKES.len())]),
                    2 => Act::Scale(rng.random_range(1..6)),
                    3 => Act::Suspend,
                    4 => Act::Resume,
                    5 => Act::Storage(rng.random_bool(0.5)),
                    _ => Act::Surge(rng.random_bool(0.5)),
                };
                acts.push((second, a));
                act(&mut world, a);
            }
            if rng.random_bool(0.02) {
                let all: Vec<_> = world.objects.keys().copied().collect();
                if !all.is_empty() {
                    world.kill(all[rng.random_range(0..all.len())]);
                }
            }
            if rng.random_bool(0.1) {
                operator.die_after = Some(operator.writes + rng.random_range(1..3));
            }
            if rng.random_bool(0.15) && past.len() > 6 {
                operator.stale = Some(past[past.len() - rng.random_range(1..6)].clone());
            }
            if rng.random_bool(0.8) {
                operator.reconcile(&mut world);
            }
            past.push((world.observe(), world.version));
            world.tick();
            assert!(world.broken.is_empty(), "seed {seed}: {:?}\n{acts:?}", world.broken);
        }
        act(&mut world, Act::Storage(true));
        run(&mut world, &mut operator, 3 * REST);
        settled(&mut world, &mut operator, &format!("seed {seed}: {acts:?}"));
        // And whatever it was, a good spec runs in the end.
        act(&mut world, Act::Resume);
        act(&mut world, Act::Version("v9"));
        run(&mut world, &mut operator, 3 * REST);
        settled(&mut world, &mut operator, &format!("seed {seed}, at last: {acts:?}"));
        assert_eq!(world.status.state, Some(JobState::Running), "seed {seed}: {acts:?}");
    }
}

#[test]
fn a_deletion_waits_for_the_savepoint_it_asked_for() {
    let (mut world, mut operator) = (start(), Operator::default());
    world.job.spec.savepoint.on_delete = true;
    run(&mut world, &mut operator, 30);
    assert!(world.finalizer);
    world.deleting = Some(world.now());
    run(&mut world, &mut operator, 60);
    assert!(world.gone && world.points.last().unwrap().stop, "{:?}", world.status);

    // Checkpoints are deleted first where the spec says so.
    let (mut world, mut operator) = (start(), Operator::default());
    world.job.spec.checkpoint.retention = streamjob_crds::Retention::DeleteOnCancellation;
    run(&mut world, &mut operator, 30);
    assert!(world.finalizer && !world.points.is_empty());
    world.deleting = Some(world.now());
    run(&mut world, &mut operator, 60);
    assert!(world.gone && world.points.is_empty(), "{:?}", world.status);

    // Storage refuses: held, and let go at its deadline.
    let (mut world, mut operator) = (start(), Operator::default());
    world.job.spec.savepoint.on_delete = true;
    run(&mut world, &mut operator, 30);
    act(&mut world, Act::Storage(false));
    world.deleting = Some(world.now());
    run(&mut world, &mut operator, 60);
    assert!(!world.gone && world.status.conditions.iter().any(|c| c.reason == "SavepointFailed"));
    run(&mut world, &mut operator, 2000);
    assert!(world.gone);
}
