//! What clients send: bodies and query parameters, refused with the field named.

use super::error;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;
use streamjob_core::options::parse_duration;

/// Longest id that a client may give an operation.
const ID_LENGTH: usize = 128;

/// Why a request is refused; small, to be passed along.
#[derive(Debug)]
pub struct Refused(pub StatusCode, pub String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        error(self.0, self.1)
    }
}

/// A JSON body of any content type; no body at all is the default value.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| Refused(e.status(), e.body_text()))?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Body(T::default()));
        }
        match Json::<T>::from_bytes(&bytes) {
            Ok(Json(body)) => Ok(Body(body)),
            // The text names the field.
            Err(e) => Err(bad(format!("the body cannot be used: {}", e.body_text()))),
        }
    }
}

/// A number in the query; `default` when it is not there.
pub fn number(query: &HashMap<String, String>, name: &str, default: u64) -> Result<u64, Refused> {
    let Some(text) = query.get(name) else { return Ok(default) };
    text.parse().map_err(|_| bad(format!("{name} = '{text}' is not a whole number of at least 0")))
}

/// A duration in the query; `default` when it is not there.
pub fn duration(query: &HashMap<String, String>, name: &str, default: Duration) -> Result<Duration, Refused> {
    let Some(text) = query.get(name) else { return Ok(default) };
    parse_duration(text).ok_or_else(|| bad(format!("{name} = '{text}' is not a duration such as 30s")))
}

/// A client's id for an operation, when it gives one.
pub fn trigger_id(id: Option<&str>) -> Result<(), Refused> {
    let Some(id) = id else { return Ok(()) };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // `…/checkpoints/config` is another resource.
    if (1..=ID_LENGTH).contains(&id.len()) && id.chars().all(fits) && id != "config" {
        return Ok(());
    }
    Err(bad(format!("triggerId '{id}' is not 1 to {ID_LENGTH} letters, digits, -, _ or ., or is 'config'")))
}

/// Refused by name: the format of a savepoint is always canonical.
pub fn format_type(format: Option<&str>) -> Result<(), Refused> {
    match format {
        None | Some("CANONICAL") => Ok(()),
        Some("NATIVE") => {
            Err(bad("formatType NATIVE is not supported: savepoints are CANONICAL, and fit every backend"))
        }
        Some(other) => Err(bad(format!("formatType '{other}' is not known; give CANONICAL"))),
    }
}

/// 400.
pub fn bad(message: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, message.into())
}
