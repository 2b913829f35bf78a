//! Signed identities: JWTs by which a page's own server says who the customer is.
//!
//! Invariants: only HS256 with the tenant's key is accepted. A claim of a wrong type is refused,
//! never treated as absent. Different subjects stay different, however they are written.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::interface::OpenError;
use crate::bridge::clean;
use crate::chat::ids::Timestamp;

const ALGORITHM: &str = "alg: sign with HS256";
/// Tolerated difference between the clocks of the page's server and this node, in seconds.
const LEEWAY_S: f64 = 60.0;
/// The longest subject, in bytes.
const SUBJECT_BYTES: usize = 255;

/// The content of a signed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The customer's id at the tenant.
    pub(super) subject: Arc<str>,
    /// The customer's name, cleaned.
    pub(super) name: Option<Arc<str>>,
    /// The signature is good, but the JWT has expired.
    pub(super) has_expired: bool,
}

/// The claims as received. Others (`aud`, `iss`, `iat`, the tenant's own) are ignored.
#[derive(Debug, Default, Deserialize)]
struct Claims {
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    name: Option<Value>,
}

/// Verifies a JWT.
///
/// # Errors
/// If it is invalid for another reason than its age. The reason names the claim.
pub(super) fn read(
    secret: Option<&SecretString>,
    jwt: &str,
    now: Timestamp,
) -> Result<Identity, OpenError> {
    let refused = |reason| OpenError::Identity { reason, has_expired: false };
    let secret = secret.ok_or_else(|| refused("this tenant has no identity secret"))?;
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let claims = signed(jwt, &key).map_err(refused)?;
    judge(claims, now).map_err(refused)
}

/// The claims of a JWT signed with this key. They are checked here, by our clock and with errors
/// that name the claim; the library would not decode claims of an unexpected type.
fn signed(jwt: &str, key: &DecodingKey) -> Result<Claims, &'static str> {
    const BROKEN: &str = "not a JWT";
    let header = jsonwebtoken::decode_header(jwt).map_err(|error| match error.kind() {
        // The library does not know `none` as a name.
        ErrorKind::Json(cause) if cause.is_data() => ALGORITHM,
        _ => BROKEN,
    })?;
    if header.alg != Algorithm::HS256 {
        return Err(ALGORITHM);
    }
    let (message, signature) = jwt.rsplit_once('.').ok_or(BROKEN)?;
    let is_signed = crypto::verify(signature, message.as_bytes(), key, Algorithm::HS256);
    if !is_signed.map_err(|_| BROKEN)? {
        return Err("the signature is not made with this tenant's key");
    }
    let (_, payload) = message.split_once('.').ok_or(BROKEN)?;
    let claims = URL_SAFE_NO_PAD.decode(payload).map_err(|_| BROKEN)?;
    serde_json::from_slice(&claims).map_err(|_| BROKEN)
}

fn judge(claims: Claims, now: Timestamp) -> Result<Identity, &'static str> {
    let subject = match claims.sub {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => whole(&number).ok_or("sub: a text or a whole number")?,
        Some(_) => return Err("sub: a text or a whole number"),
        None => return Err("sub: missing"),
    };
    if !(1..=SUBJECT_BYTES).contains(&subject.len()) {
        return Err("sub: takes 1 to 255 bytes");
    }
    let moment = |value: Value| value.as_f64().filter(|seconds| seconds.is_finite());
    let expires = claims.exp.ok_or("exp: missing")?;
    let expires = moment(expires).ok_or("exp: a number of seconds since 1970")?;
    let starts = claims.nbf.map(|nbf| moment(nbf).ok_or("nbf: a number of seconds since 1970"));
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of this era are exact")]
    let now_s = now.0 as f64 / 1_000.0;
    if starts.transpose()?.is_some_and(|starts| starts > now_s + LEEWAY_S) {
        return Err("nbf: not valid yet");
    }
    Ok(Identity {
        subject: subject.into(),
        name: claims.name.as_ref().and_then(Value::as_str).and_then(clean::name).map(Arc::from),
        has_expired: expires < now_s - LEEWAY_S,
    })
}

/// A whole number as it is written; `None` if digits would be lost.
fn whole(number: &Number) -> Option<String> {
    (number.is_i64() || number.is_u64()).then(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_767_000_000;

    fn judged(claims: Value) -> Result<Identity, &'static str> {
        judge(serde_json::from_value(claims).unwrap(), Timestamp(NOW_S * 1_000))
    }

    #[test]
    fn a_refusal_names_the_claim() {
        let exp = NOW_S + 600;
        let table = [
            (json!({"exp": exp}), "sub: missing"),
            (json!({"sub": null, "exp": exp}), "sub: missing"),
            (json!({"sub": "", "exp": exp}), "sub: takes 1 to 255 bytes"),
            (json!({"sub": "ä".repeat(128), "exp": exp}), "sub: takes 1 to 255 bytes"),
            (json!({"sub": 1.5, "exp": exp}), "sub: a text or a whole number"),
            (json!({"sub": 1e30, "exp": exp}), "sub: a text or a whole number"),
            (json!({"sub": ["ann"], "exp": exp}), "sub: a text or a whole number"),
            (json!({"sub": true, "exp": exp}), "sub: a text or a whole number"),
            (json!({"sub": "ann"}), "exp: missing"),
            (json!({"sub": "ann", "exp": exp.to_string()}), "exp: a number of seconds since 1970"),
            (json!({"sub": "ann", "exp": exp, "nbf": NOW_S + 120}), "nbf: not valid yet"),
            (json!({"sub": "ann", "exp": exp, "nbf": "0"}), "nbf: a number of seconds since 1970"),
        ];
        for (claims, reason) in table {
            assert_eq!(judged(claims.clone()), Err(reason), "{claims}");
        }
    }

    #[test]
    fn whatever_else_a_library_puts_in_is_no_hindrance() {
        let table = [
            (json!({"sub": "ann", "exp": NOW_S + 600}), "ann"),
            (json!({"sub": 4711, "exp": NOW_S + 600, "aud": "couplet"}), "4711"),
            (json!({"sub": -1, "exp": NOW_S + 600, "aud": ["a", "b"]}), "-1"),
            (json!({"sub": u64::MAX, "exp": NOW_S as f64 + 600.5}), "18446744073709551615"),
            (json!({"sub": "ann", "exp": NOW_S + 600, "nbf": NOW_S + 50, "iat": "soon"}), "ann"),
            (json!({"sub": "ann", "exp": NOW_S - 50, "name": 7}), "ann"),
        ];
        for (claims, subject) in table {
            let identity = judged(claims.clone()).unwrap();
            assert_eq!((&*identity.subject, identity.name), (subject, None), "{claims}");
            assert!(!identity.has_expired, "{claims}");
        }
        let late = judged(json!({"sub": "ann", "exp": NOW_S - 61, "name": " Ann\u{202e} Lee"}));
        let late = late.unwrap();
        assert_eq!((late.has_expired, late.name.as_deref()), (true, Some("Ann Lee")));
    }
}
