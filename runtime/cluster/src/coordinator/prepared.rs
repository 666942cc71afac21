//! A job that is planned and served over REST, but has not begun: nothing in
//! storage is touched yet. Either it begins at once, or it stands by until it is
//! told to, from what it is told; until then it says whether its state would fit.

use super::ledger::{Ledger, check};
use super::{RunningJob, found, run, serve, view_settings};
use crate::control::ahead::Ahead;
use crate::settings::JobSettings;
use crate::view::{JobView, Request};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use streamjob_api::{FailureCause, JobState, Preflight, TriggerOutcome};
use streamjob_checkpoint::coordinator::Config;
use streamjob_checkpoint::lineage::Job;
use streamjob_checkpoint::restore::{self, RestoreFrom, RestorePoint};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Domain, Error, Result};
use streamjob_state::SnapshotStore;

/// Between two signs of life while it stands by.
const BEAT: Duration = Duration::from_secs(1);
/// Between two looks at the newest checkpoint, and before what failed for a reason that may pass is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// See the module.
pub struct Prepared {
    settings: JobSettings,
    config: Config,
    view: JobView,
    requests: Receiver<Request>,
    rest_address: Option<SocketAddr>,
    server: Option<tokio::runtime::Runtime>,
}

/// What storage knows of this very form of the job (owner and revision).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// It never ran, or another form has run since.
    None,
    /// It ran last: this process takes the place of one that was lost.
    Ran,
    /// It ran last, and was stopped with this savepoint or checkpoint.
    Stopped(String),
}

/// What one that stands by waits for.
enum Waits {
    /// To see what this form did before, and what it was told meanwhile.
    Past(Option<Told>),
    /// To begin, as it was told.
    Go(Told),
    /// To be told to go.
    Call,
}

/// Under which trigger it was told to go, and from where.
struct Told {
    trigger: String,
    from: String,
}

/// How being told to go came out; a refusal is told under the trigger.
enum Go {
    Begun(Ledger),
    StandsBy(Waits),
}

/// How standing by ended.
pub enum Called {
    /// The job runs.
    Running(RunningJob),
    /// It ran and was stopped with this savepoint or checkpoint: nothing is left to do.
    Stopped(String),
    /// The process is to end.
    Off,
}

impl Prepared {
    /// Serves REST, if the settings say so.
    pub fn new(settings: JobSettings) -> Result<Self> {
        let config = settings.checkpoint_config()?;
        let (requests_in, requests) = crossbeam_channel::unbounded();
        let view = JobView::new(view_settings(&settings, &config), requests_in);
        let server =
            settings.rest.clone().map(|(address, port)| serve(&settings, &view, &address, port)).transpose()?;
        let (rest_address, server) = server.map_or((None, None), |(a, s)| (Some(a), Some(s)));
        Ok(Self { settings, config, view, requests, rest_address, server })
    }

    /// What the outside sees.
    pub fn view(&self) -> &JobView {
        &self.view
    }

    /// Where the REST API listens.
    pub fn rest_address(&self) -> Option<SocketAddr> {
        self.rest_address
    }

    /// Looks into storage for an earlier process of the same owner and revision. Without a revision there is none.
    pub fn past(&self) -> Result<Past> {
        let _waits = self.view.pulse().storage_wait();
        let s = &self.settings;
        let job = Job::open(&s.storage, &s.namespace, &s.name)?;
        let head = job.head()?.map(|v| v.head);
        let Some(head) = head.filter(|h| !s.revision.is_empty() && h.owner == s.owner && h.revision == s.revision)
        else {
            return Ok(Past::None);
        };
        let epochs = job.epochs(&job.paths().lineage(&head.job_id), Some(&head))?;
        Ok(match epochs.into_iter().next_back() {
            // What the generation before was stopped with is what this form began from, and not its end.
            Some(epoch) if epoch.kind.stops() && epoch.generation == head.generation => Past::Stopped(epoch.manifest),
            _ => Past::Ran,
        })
    }

    /// Begins. Everything wrong with the start comes back from here, before any task runs.
    pub fn begin(mut self, from: RestoreFrom) -> Result<RunningJob> {
        self.settings.restore = from;
        self.prove()?;
        let ledger = self.claim()?;
        self.run(ledger)
    }

    /// Takes the place of a process that was lost, or waits to be told to go. A job that cannot begin from what it is
    /// told goes on standing by; nothing is touched then. What fails for a reason that may pass, such as storage that is
    /// away, is tried again.
    pub fn stand_by(mut self) -> Result<Called> {
        let mut waits = Waits::Past(None);
        let mut tried: Option<Instant> = None;
        loop {
            self.view.pulse().beat();
            if tried.is_none_or(|t| t.elapsed() >= AGAIN) {
                waits = match waits {
                    Waits::Past(told) => match self.past() {
                        // What takes long is done before it is told to go.
                        Ok(Past::None) => match self.prove() {
                            Ok(()) => told.map_or_else(|| self.look(), Waits::Go),
                            Err(e) => self.past_waits(told, e)?,
                        },
                        Ok(Past::Stopped(savepoint)) => return Ok(Called::Stopped(savepoint)),
                        // It goes on from its own newest state, whatever it is told.
                        Ok(Past::Ran) => {
                            self.settings.restore = RestoreFrom::Auto;
                            match self.claim() {
                                Ok(ledger) => {
                                    self.begun(told, &ledger);
                                    return Ok(Called::Running(self.run(ledger)?));
                                }
                                Err(e) => self.past_waits(told, e)?,
                            }
                        }
                        Err(e) => self.past_waits(told, e)?,
                    },
                    Waits::Go(told) => match self.go(told) {
                        Go::Begun(ledger) => return Ok(Called::Running(self.run(ledger)?)),
                        Go::StandsBy(waits) => waits,
                    },
                    Waits::Call => self.look(),
                };
                tried = Some(Instant::now());
            }
            let request = match self.requests.recv_timeout(BEAT) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(Called::Off),
            };
            match request {
                Request::Cancel | Request::Suspend => {
                    self.view.set_state(JobState::Canceled, self.settings.clock.now_ms());
                    return Ok(Called::Off);
                }
                Request::Go { trigger, from } => {
                    tracing::info!("told to go, from: {from}");
                    let told = Told { trigger, from };
                    waits = match waits {
                        Waits::Past(before) => {
                            self.supersede(before);
                            Waits::Past(Some(told))
                        }
                        Waits::Go(before) => {
                            self.supersede(Some(before));
                            Waits::Go(told)
                        }
                        Waits::Call => Waits::Go(told),
                    };
                    tried = None;
                }
                Request::Checkpoint { trigger }
                | Request::StopBehindCheckpoint { trigger, .. }
                | Request::Savepoint { trigger, .. }
                | Request::Rescale { trigger, .. } => {
                    let error = Error::user("this coordinator stands by; the job does not run here");
                    self.view.close_trigger(&trigger, refused("STANDS_BY", &error));
                }
            }
        }
    }

    /// It cannot be seen yet what this form did before; an error that does not pass is one of the start.
    fn past_waits(&self, told: Option<Told>, e: Error) -> Result<Waits> {
        if e.domain() != Domain::Transient {
            return Err(e);
        }
        tracing::warn!("cannot look into storage yet, and tries again: {e}");
        let checked_at = self.settings.clock.now_ms();
        let error = Some(e.to_string());
        self.view.set_standing_by(Preflight { checked_at, passing: true, error, ..Preflight::default() });
        Ok(Waits::Past(told))
    }

    /// Tells whether its state would fit, and has workers fetch it. Time and again: checkpoints go on meanwhile.
    fn look(&self) -> Waits {
        let waits = self.view.pulse().storage_wait();
        let (fit, point) = preflight(&self.settings, self.settings.clock.now_ms());
        drop(waits);
        let s = &self.settings;
        if let Some((point, store)) = point.and_then(|p| p.reader.description().map(|store| (p, store))) {
            let ahead = Ahead {
                location: &point.location,
                operators: &point.manifest.operators,
                store,
                max_parallelism: s.max_parallelism,
            };
            let chaining = s.options.bool("pipeline.operator-chaining.enabled");
            s.deployer.fetch_ahead(&s.graph, s.parallelism, chaining, &ahead);
        }
        self.view.set_standing_by(fit);
        Waits::Call
    }

    fn prove(&self) -> Result<()> {
        let _waits = self.view.pulse().storage_wait();
        Ledger::prove(&self.settings)
    }

    fn claim(&self) -> Result<Ledger> {
        let _waits = self.view.pulse().storage_wait();
        Ledger::claim(&self.settings)
    }

    /// Begins from there, if that can be.
    fn go(&mut self, told: Told) -> Go {
        self.settings.restore = RestoreFrom::parse(&told.from);
        match self.claim() {
            Ok(ledger) => {
                self.begun(Some(told), &ledger);
                Go::Begun(ledger)
            }
            Err(e) if e.domain() == Domain::Transient => {
                tracing::warn!("cannot begin yet, and tries again: {e}");
                Go::StandsBy(Waits::Go(told))
            }
            Err(e) => {
                tracing::warn!("cannot begin, and stands by: {e}");
                self.view.close_trigger(&told.trigger, refused("CANNOT_BEGIN", &e));
                Go::StandsBy(Waits::Call)
            }
        }
    }

    /// Answers who told it to go.
    fn begun(&self, told: Option<Told>, ledger: &Ledger) {
        if let Some(told) = told {
            let location = ledger.restores_from();
            self.view.close_trigger(&told.trigger, TriggerOutcome { location, ..Default::default() });
        }
    }

    /// Another call came before it could begin.
    fn supersede(&self, told: Option<Told>) {
        if let Some(told) = told {
            let error = Error::user("it was told to go again, before it could");
            self.view.close_trigger(&told.trigger, refused("CANNOT_BEGIN", &error));
        }
    }

    fn run(self, ledger: Ledger) -> Result<RunningJob> {
        let Self { settings, config, view, requests, rest_address, server } = self;
        view.set_identity(ledger.job_id().clone(), ledger.generation());
        found::find(ledger.job().clone(), view.clone());
        let start_message = ledger.start_message().to_string();
        let (ended_in, ended) = crossbeam_channel::bounded::<()>(0);
        let thread_view = view.clone();
        let thread = std::thread::Builder::new()
            .name("coordinator".into())
            .spawn(move || {
                let outcome = run::Coordinator::new(settings, config, ledger, thread_view, requests).run();
                // Closed, not written to: every look from now on sees the end.
                drop(ended_in);
                outcome
            })
            .transient("cannot start the coordinator's thread")?;
        Ok(RunningJob { view, rest_address, start_message, thread, ended, _server: server })
    }
}

/// Whether the job could go on from the newest checkpoint that there is, and that checkpoint if it could. Changes nothing.
fn preflight(settings: &JobSettings, now_ms: i64) -> (Preflight, Option<RestorePoint>) {
    let mut answer = Preflight { checked_at: now_ms, ..Preflight::default() };
    let looked = Job::open(&settings.storage, &settings.namespace, &settings.name).and_then(|job| {
        // Whose state it is, whoever tells this coordinator to go knows.
        let owner = job.head()?.map_or_else(|| settings.owner.clone(), |v| v.head.owner);
        restore::resolve(&job, &owner, &RestoreFrom::Auto, false)
    });
    let checked = looked.and_then(|decision| {
        let Some(point) = decision.point else { return Ok(None) };
        answer.location = Some(point.location.clone());
        answer.checkpoint = Some(point.manifest.checkpoint);
        let plan = check(settings, &point)?;
        answer.matched = plan.matched;
        answer.new = plan.new;
        answer.dropped = plan.dropped;
        Ok(Some(point))
    });
    match checked {
        Ok(point) => {
            answer.fits = true;
            (answer, point)
        }
        Err(e) => {
            answer.passing = e.domain() == Domain::Transient;
            answer.error = Some(e.to_string());
            (answer, None)
        }
    }
}

fn refused(class: &str, error: &Error) -> TriggerOutcome {
    let failure = FailureCause { class: class.into(), message: error.to_string() };
    TriggerOutcome { failure: Some(failure), ..TriggerOutcome::default() }
}
