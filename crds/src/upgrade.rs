//! How a new version of a job takes over, and what a first start restores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// How a new version of the job takes over from the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Upgrade {
    /// `Savepoint` (take a savepoint, stop, go on from there), `LastCheckpoint` (go on from the newest checkpoint) or `Stateless` (start empty; needs `acceptStateLoss: true`). Change: live.
    pub mode: UpgradeMode,
    /// Says that the state may be thrown away. Only for `mode: Stateless`. Change: live.
    pub accept_state_loss: bool,
    /// Start the workers of the new version before the old job stops. When they cannot be scheduled in time, the upgrade goes on without. Change: live.
    pub surge: bool,
    /// What happens when the new version does not work. Change: live.
    pub rollback: Rollback,
}

/// What a new version starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpgradeMode {
    /// Where the old version stopped, with a savepoint taken before.
    #[default]
    Savepoint,
    /// The newest checkpoint.
    LastCheckpoint,
    /// Nothing.
    Stateless,
}

/// Return to the last version that worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollback {
    /// Go back to the last stable spec, where it stopped, when the new version fails. Change: live.
    pub enabled: bool,
    /// Time in which the new version must complete a checkpoint. Change: live.
    pub deadline: Duration,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self { mode: UpgradeMode::default(), accept_state_loss: false, surge: true, rollback: Rollback::default() }
    }
}

impl Default for Rollback {
    fn default() -> Self {
        Self { enabled: true, deadline: Duration::from_secs(600) }
    }
}

impl Rollback {
    /// Time in which a new version must prove itself; `None` when it is never rolled back.
    pub fn deadline(&self) -> Option<std::time::Duration> {
        self.enabled.then(|| self.deadline.get())
    }
}

/// What the job starts from: at its first start, or again when `nonce` is raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Restore {
    /// `Auto` (this resource's own state, or empty if nothing is there), `Latest` (the newest checkpoint under this name, whoever wrote it), `None` (empty, old state stays in storage), or the path of a savepoint or checkpoint. Change: first start, or with a raised nonce.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^\S([^\n]*\S)?$"))]
    pub from: String,
    /// Raise it to restore again from `from`. Change: restores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub nonce: Option<i64>,
    /// Go on although the restored state has parts that the job no longer has; they are dropped. Change: first start, or with a raised nonce.
    pub allow_non_restored_state: bool,
    /// `NoClaim` (what was restored from is never deleted; the first checkpoint is full) or `Claim` (it is owned, and deleted when it is no longer needed). Change: first start, or with a raised nonce.
    pub claim: ClaimMode,
}

/// Who owns what a job was restored from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClaimMode {
    /// The user.
    #[default]
    NoClaim,
    /// The job.
    Claim,
}

/// Where a job starts, typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestorePoint<'a> {
    /// Own state, or empty.
    Auto,
    /// The newest checkpoint under this name, whoever wrote it.
    Latest,
    /// Empty.
    None,
    /// This savepoint or checkpoint.
    Path(&'a str),
}

impl Default for Restore {
    fn default() -> Self {
        Self { from: "Auto".to_owned(), nonce: None, allow_non_restored_state: false, claim: ClaimMode::default() }
    }
}

impl Restore {
    /// Where the job starts.
    pub fn point(&self) -> RestorePoint<'_> {
        match self.from.as_str() {
            "Auto" => RestorePoint::Auto,
            "Latest" => RestorePoint::Latest,
            "None" => RestorePoint::None,
            path => RestorePoint::Path(path),
        }
    }
}
