//! One error type for the runtime. It says whose fault it is (the domain), what
//! happened, and what to change; the domain decides exit codes and restarts.

use std::fmt;

/// Result of everything fallible in the runtime.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The user's input (manifest, SQL, option, data): restarting cannot help. Exit code 2.
    User,
    /// The outside world (storage, network, disk): worth a restart.
    Transient,
    /// A broken invariant of ours.
    Internal,
}

/// An error with its domain, cause and fix.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    domain: Domain,
    message: String,
    fix: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    fn new(domain: Domain, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { domain, message: message.into(), fix: None, source: None }))
    }

    /// The user's input is wrong. Name the field or option in `message`; add the cure by [`Error::fix`].
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Domain::User, message)
    }

    /// The outside world failed; the job may be restarted.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(Domain::Transient, message)
    }

    /// An invariant of ours does not hold.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Domain::Internal, message)
    }

    /// What the reader should change.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.0.fix = Some(fix.into());
        self
    }

    /// The underlying cause, printed after the message.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts `context: ` before the message, keeping domain, fix and cause.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Whose fault it is.
    pub fn domain(&self) -> Domain {
        self.0.domain
    }

    /// What happened, without cause and fix.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What happened and why: the message and its causes on one line, without the fix.
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(c) = cause {
            // An error of ours among the causes tells its own causes and fix when it is displayed whole.
            let line = c.downcast_ref::<Error>().map_or_else(|| c.to_string(), |e| e.message().to_string());
            // Many libraries repeat their cause in their own message.
            if !text.contains(&line) {
                text.push_str(": ");
                text.push_str(&line);
            }
            cause = c.source();
        }
        text
    }

    /// The fix of the error itself, or of the nearest cause that has one.
    pub fn nearest_fix(&self) -> Option<&str> {
        let mut fix = self.fix_text();
        let mut cause = std::error::Error::source(self);
        while let (None, Some(c)) = (fix, cause) {
            fix = c.downcast_ref::<Error>().and_then(Error::fix_text);
            cause = c.source();
        }
        fix
    }

    /// What to change, if known.
    pub fn fix_text(&self) -> Option<&str> {
        self.0.fix.as_deref()
    }
}

impl fmt::Display for Error {
    /// `message: cause (fix)`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())?;
        if let Some(fix) = self.nearest_fix() {
            write!(f, " ({fix})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn std::error::Error + 'static))
    }
}

/// Turns a foreign error into ours, with a domain and a context.
pub trait ErrorExt<T> {
    /// A failure of the outside world.
    fn transient(self, context: impl fmt::Display) -> Result<T>;
    /// A failure of the user's input.
    fn user(self, context: impl fmt::Display) -> Result<T>;
    /// A broken invariant.
    fn internal(self, context: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> ErrorExt<T> for std::result::Result<T, E> {
    fn transient(self, context: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error::transient(context.to_string()).caused_by(e))
    }
    fn user(self, context: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error::user(context.to_string()).caused_by(e))
    }
    fn internal(self, context: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error::internal(context.to_string()).caused_by(e))
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(e: arrow::error::ArrowError) -> Self {
        Error::internal("columnar kernel failed").caused_by(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_has_message_cause_and_fix() {
        let e = Error::transient("cannot write chk-3/_metadata")
            .caused_by(std::io::Error::other("disk full"))
            .fix("free space under checkpoint.storage.fileSystem.path");
        assert_eq!(
            e.to_string(),
            "cannot write chk-3/_metadata: disk full (free space under checkpoint.storage.fileSystem.path)"
        );
        assert_eq!(e.chain(), "cannot write chk-3/_metadata: disk full");
        let outer = Error::transient("checkpoint 3 failed").caused_by(e);
        assert_eq!(outer.chain(), "checkpoint 3 failed: cannot write chk-3/_metadata: disk full");
        assert_eq!(outer.nearest_fix(), Some("free space under checkpoint.storage.fileSystem.path"));
        let e = Error::transient("cannot write chk-3/_metadata");
        assert_eq!(e.context("checkpoint 3").message(), "checkpoint 3: cannot write chk-3/_metadata");
    }
}
