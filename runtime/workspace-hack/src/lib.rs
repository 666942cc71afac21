//! Nothing but a manifest: it fixes the features of third-party crates, so that
//! building one crate of ours reuses what building all of them compiled.
