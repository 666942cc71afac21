//! Fetches a checkpoint's files while the worker waits for a share that starts
//! from them, on a thread beside. Nothing depends on it: what is not here in
//! time is fetched by the restore.

use super::Planner;
use super::share::Local;
use crate::control::message::Fetch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use streamjob_checkpoint::snapshot_store::described;
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;

/// The list that is being worked through.
#[derive(Default)]
pub struct Fetching(Option<Arc<AtomicBool>>);

impl Fetching {
    /// Begins on a list; the one before is given up, with what it has fetched.
    pub fn begin(&mut self, planner: &dyn Planner, local: &mut Local, fetch: Fetch) -> Result<()> {
        self.stop();
        let planned = planner.plan(&fetch.job)?;
        let Some(files) = local.of(&planned.work_dir).filter(|_| planned.from_local) else { return Ok(()) };
        let store = described(&planned.storage, &fetch.store)?;
        let off = Arc::new(AtomicBool::new(false));
        self.0 = Some(off.clone());
        let work = move || match files.fetch(&fetch.files, store.as_ref(), || off.load(Relaxed)) {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} of {} files were fetched ahead", fetch.files.len()),
            Err(e) => tracing::warn!("files cannot be fetched ahead: {e}"),
        };
        std::thread::Builder::new().name("ahead".into()).spawn(work).transient("cannot start a thread")?;
        Ok(())
    }

    /// Calls it off.
    pub fn stop(&mut self) {
        if let Some(off) = self.0.take() {
            off.store(true, Relaxed);
        }
    }
}
