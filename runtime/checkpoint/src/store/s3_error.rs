//! What a failed S3 request means: whose fault it is, and what to check.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use streamjob_core::Error;

/// The part of a failed request that decides what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer in time.
    Slow,
    /// No connection: refused, unknown host, TLS.
    Unreachable,
    /// The server went away in the middle of an answer.
    Broken,
    /// An answer with this HTTP status and S3 error code.
    Answer { status: u16, code: String },
    /// No usable credentials, or a request that could not be built.
    NotSent,
    /// The same of a store that has worked: what gives out credentials does not answer, most likely.
    NoLongerSent,
    /// An answer that is none.
    Garbled,
}

/// Where a request went, for messages.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub bucket: String,
    pub endpoint: String,
}

impl Failure {
    pub fn of<E: ProvideErrorMetadata>(e: &SdkError<E, HttpResponse>) -> Self {
        match e {
            SdkError::TimeoutError(_) => Failure::Slow,
            SdkError::DispatchFailure(d) if d.is_timeout() => Failure::Slow,
            SdkError::DispatchFailure(d) if d.is_io() => Failure::Unreachable,
            SdkError::DispatchFailure(d) if d.as_other().is_some() => Failure::Broken,
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => Failure::NotSent,
            SdkError::ServiceError(s) => {
                Failure::Answer { status: s.raw().status().as_u16(), code: s.err().code().unwrap_or("").to_string() }
            }
            _ => Failure::Garbled,
        }
    }

    /// The condition of a conditional write did not hold.
    pub fn is_condition(&self) -> bool {
        matches!(self, Failure::Answer { status: 412, .. })
    }

    /// A concurrent conditional write is under way; the request should be sent again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Failure::Answer { status: 409, code } if code == "ConditionalRequestConflict" || code == "OperationAborted")
    }

    /// No such object (as against: no such bucket).
    pub fn is_missing_key(&self) -> bool {
        matches!(self, Failure::Answer { status: 404, code } if code != "NoSuchBucket")
    }
}

/// The error of a failed request: operation, bucket, endpoint, cause, and what to check.
pub(super) fn describe<E>(
    place: &Place,
    operation: &str,
    key: &str,
    worked: bool,
    e: SdkError<E, HttpResponse>,
) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = match Failure::of(&e) {
        Failure::NotSent if worked => Failure::NoLongerSent,
        failure => failure,
    };
    let cause = match &e {
        SdkError::ServiceError(s) => format!("{} (HTTP {})", s.err(), s.raw().status().as_u16()),
        other => innermost(other),
    };
    explain(place, operation, key, &failure).caused_by(cause)
}

/// The text that says most, without the SDK's layers: "Connection refused (os error 111)".
fn innermost(e: &dyn std::error::Error) -> String {
    let mut cause = e;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The table of failures.
pub(super) fn explain(place: &Place, operation: &str, key: &str, failure: &Failure) -> Error {
    let Place { bucket, endpoint } = place;
    let at = if key.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{key}") };
    let message = |what: &str| format!("S3 {operation} of {at} at {endpoint} failed: {what}");
    match failure {
        Failure::Slow => Error::transient(message("no answer in time"))
            .fix("the endpoint is slow or a firewall drops packets: check checkpoint.storage.s3.endpoint and the network"),
        Failure::Unreachable => Error::transient(message("cannot connect"))
            .fix("check that checkpoint.storage.s3.endpoint (host, port, http or https) is right and reachable from here"),
        Failure::Broken => Error::transient(message("the connection broke"))
            .fix("the server stopped, or a proxy before it closes connections: see their logs"),
        Failure::NotSent => Error::user(message("the request could not be sent")).fix(
            "give credentials by checkpoint.storage.s3.credentialsSecretRef or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
             and check the endpoint's spelling (http://host:port)",
        ),
        Failure::NoLongerSent => Error::transient(message("the request could not be sent, which earlier ones could")).fix(
            "credentials ran out and could not be had anew, most likely: look at what gives them out (STS, web identity, \
             the instance's metadata service)",
        ),
        Failure::Garbled => Error::transient(message("the answer is not S3's"))
            .fix("check that checkpoint.storage.s3.endpoint is an S3 server's API port, not a web console or proxy"),
        Failure::Answer { status, code } => match (code.as_str(), *status) {
            ("NoSuchBucket", _) => Error::user(message(&format!("there is no bucket '{bucket}'")))
                .fix("create the bucket or correct checkpoint.storage.s3.bucket; behind some servers s3.pathStyle must be true"),
            ("SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken", _) => {
                Error::user(message("the credentials are not accepted")).fix(
                    "check access key, secret key and session token (checkpoint.storage.s3.credentialsSecretRef), and that \
                     checkpoint.storage.s3.region is the server's",
                )
            }
            ("RequestTimeTooSkewed", _) => Error::user(message("clocks differ too much")).fix("set this machine's clock"),
            ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException", _) | ("", 301 | 307) => {
                Error::user(message("the bucket is in another region")).fix("set checkpoint.storage.s3.region to the bucket's region")
            }
            ("AccessDenied", _) | (_, 401 | 403) => Error::user(message("access denied")).fix(
                "the credentials need s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and \
                 s3:AbortMultipartUpload on this bucket and prefix; a HEAD request hides wrong keys behind the same answer",
            ),
            ("NotImplemented", _) | (_, 501) => Error::user(message("the server does not know this request"))
                .fix("checkpoints need conditional writes (If-None-Match, If-Match): use a server that has them"),
            ("EntityTooLarge" | "QuotaExceeded" | "XMinioStorageFull", _) | (_, 507) => {
                Error::transient(message("the server has no room")).fix("free space there or raise the quota")
            }
            ("SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout", _) | (_, 429 | 500..=599) => {
                Error::transient(message("the server is overloaded or failing")).fix("it was tried several times; look at the server")
            }
            // Reads that find nothing are told apart before they come here: this is a write, which needs nothing but the
            // bucket, or of an upload that somebody aborted.
            (_, 404) => Error::transient(message(&format!("the server does not know the place or the upload ({code})")))
                .fix("if it stays so: does a rule of the bucket abort uploads that are under way, or a proxy change paths?"),
            _ => Error::transient(message(&format!("answer {status} {code}"))).fix("look at the server's log"),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use streamjob_core::error::Domain;

    #[test]
    fn a_request_that_may_come_through_later_is_no_fault_of_the_user() {
        use aws_sdk_s3::error::ConnectorError;
        use aws_sdk_s3::operation::put_object::PutObjectError;
        use aws_smithy_types::retry::ErrorKind;
        let of = |error: ConnectorError| Failure::of::<PutObjectError>(&SdkError::dispatch_failure(error));
        let cause = || "connection closed before message completed".into();
        // What the SDK makes of a server that is killed while it answers.
        assert_eq!(of(ConnectorError::other(cause(), Some(ErrorKind::TransientError))), Failure::Broken);
        assert_eq!(of(ConnectorError::io(cause())), Failure::Unreachable);
        assert_eq!(of(ConnectorError::other("no credentials".into(), None)), Failure::NotSent);
    }

    #[test]
    fn credentials_that_run_out_later_are_no_fault_of_the_user() {
        use aws_sdk_s3::error::ConnectorError;
        use aws_sdk_s3::operation::put_object::PutObjectError;
        let place = Place { bucket: "b".into(), endpoint: "http://e:1".into() };
        for (worked, domain) in [(false, Domain::User), (true, Domain::Transient)] {
            let cause = ConnectorError::other("no credentials".into(), None);
            let e = describe::<PutObjectError>(&place, "PutObject", "k", worked, SdkError::dispatch_failure(cause));
            assert_eq!(e.domain(), domain, "{e}");
        }
    }

    #[test]
    fn every_failure_names_bucket_endpoint_operation_and_a_fix() {
        let place = Place { bucket: "b".into(), endpoint: "http://e:1".into() };
        let answer = |status, code: &str| Failure::Answer { status, code: code.into() };
        let table = [
            (Failure::Slow, Domain::Transient, "network"),
            (Failure::Unreachable, Domain::Transient, "endpoint"),
            (Failure::Broken, Domain::Transient, "server"),
            (Failure::NotSent, Domain::User, "credentials"),
            (Failure::NoLongerSent, Domain::Transient, "credentials"),
            (Failure::Garbled, Domain::Transient, "endpoint"),
            (answer(404, "NoSuchUpload"), Domain::Transient, "abort uploads"),
            (answer(404, "NoSuchKey"), Domain::Transient, "bucket"),
            (answer(404, "NoSuchBucket"), Domain::User, "s3.bucket"),
            (answer(403, "SignatureDoesNotMatch"), Domain::User, "secret key"),
            (answer(403, "AccessDenied"), Domain::User, "s3:PutObject"),
            (answer(403, ""), Domain::User, "s3:PutObject"),
            (answer(400, "AuthorizationHeaderMalformed"), Domain::User, "s3.region"),
            (answer(503, "SlowDown"), Domain::Transient, "server"),
            (answer(501, "NotImplemented"), Domain::User, "conditional"),
            (answer(418, "Teapot"), Domain::Transient, "log"),
        ];
        for (failure, domain, fix) in table {
            let e = explain(&place, "PutObject", "k", &failure);
            assert_eq!(e.domain(), domain, "{failure:?}");
            assert!(e.message().contains("S3 PutObject of s3://b/k at http://e:1"), "{e}");
            assert!(e.fix_text().unwrap().contains(fix), "{failure:?}: {e}");
        }
    }
}
