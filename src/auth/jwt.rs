//! Tokens of an issuer: signed JWTs (RFC 7519), checked as RFC 8725 asks for.
//!
//! Which algorithm is taken is decided by the settings and by the key, never by the token: a secret takes HS256 and nothing
//! else; a published key takes the one algorithm of its kind, and can be no secret. `iss`, `aud`, `exp` and `sub` have to
//! be there and right; `sub` is the user's id.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    AuthError, crypto,
    jwks::{Jwks, JwksSetupError},
};

/// RFC 7518, section 3.2: as long as the hash.
const SECRET_BYTES_MIN: usize = 32;

/// Whose tokens are taken.
#[derive(Debug)]
pub struct JwtOptions {
    pub signed: SignedBy,
    pub issuer: String,
    pub audience: String,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
}

/// What tokens are signed with.
pub enum SignedBy {
    /// A secret that the issuer and this service share: HS256.
    Secret(SecretString),
    /// Keys that the issuer publishes: RS256 and ES256.
    Published { url: String },
}

impl fmt::Debug for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret(…)"),
            Self::Published { url } => write!(f, "Published({url})"),
        }
    }
}

/// The settings for tokens do not do.
#[derive(Debug, thiserror::Error)]
pub enum JwtSetupError {
    #[error("the secret must have at least {SECRET_BYTES_MIN} bytes")]
    Secret,
    #[error("the address of the issuer's keys: {0}")]
    Jwks(#[from] JwksSetupError),
}

/// What a valid token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    pub user_id: Uuid,
    pub until: DateTime<Utc>,
}

pub(super) struct Jwt {
    keys: Keys,
    issuer: String,
    audience: String,
    leeway: Duration,
}

enum Keys {
    Secret(DecodingKey),
    Published(Jwks),
}

#[derive(Deserialize)]
struct Claims {
    sub: Uuid,
    exp: f64,
}

impl Jwt {
    pub(super) fn new(options: JwtOptions) -> Result<Self, JwtSetupError> {
        crypto::install();
        let keys = match options.signed {
            SignedBy::Secret(secret) if secret.expose_secret().len() < SECRET_BYTES_MIN => {
                return Err(JwtSetupError::Secret);
            }
            SignedBy::Secret(secret) => Keys::Secret(DecodingKey::from_secret(secret.expose_secret().as_bytes())),
            SignedBy::Published { url } => Keys::Published(Jwks::new(&url)?),
        };
        let JwtOptions { issuer, audience, leeway, .. } = options;
        Ok(Self { keys, issuer, audience, leeway })
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Signed, AuthError> {
        let header = decode_header(token).map_err(|_| AuthError::Invalid)?;
        // Extensions that have to be understood (RFC 7515, section 4.1.11): none is.
        if header.crit.is_some() {
            return Err(AuthError::Invalid);
        }
        match &self.keys {
            Keys::Secret(key) => self.check(token, key, Algorithm::HS256),
            Keys::Published(jwks) => {
                if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
                    return Err(AuthError::Invalid);
                }
                let found = jwks.find(header.kid.as_deref()).await?;
                self.check(token, &found.key, found.algorithm)
            }
        }
    }

    fn check(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Signed, AuthError> {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = self.leeway.as_secs();
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            _ => AuthError::Invalid,
        })?;
        let Claims { sub, exp } = claims.claims;
        // A time beyond what a clock can tell is as good as never: the far end of the calendar.
        let until = DateTime::from_timestamp(exp as i64, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let until = until.checked_add_signed(chrono::TimeDelta::from_std(self.leeway).unwrap_or_default());
        Ok(Signed { user_id: sub, until: until.unwrap_or(DateTime::<Utc>::MAX_UTC) })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    use ring::hmac;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const SUB: &str = "11111111-1111-4111-8111-111111111111";

    fn jwt() -> Jwt {
        let signed = SignedBy::Secret(SECRET.into());
        let (issuer, audience) = ("https://id.test".to_owned(), "courses".to_owned());
        Jwt::new(JwtOptions { signed, issuer, audience, leeway: Duration::from_secs(30) }).unwrap()
    }

    fn claims() -> Value {
        json!({"iss": "https://id.test", "aud": "courses", "sub": SUB, "exp": Utc::now().timestamp() + 60})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[field] = value;
        claims
    }

    fn sign(header: &Value, claims: &Value, secret: &str) -> String {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        format!("{message}.{}", BASE64.encode(hmac::sign(&key, message.as_bytes())))
    }

    fn hs256(claims: &Value) -> String {
        sign(&json!({"alg": "HS256", "typ": "JWT"}), claims, SECRET)
    }

    async fn verify(token: &str) -> Result<Uuid, AuthError> {
        jwt().verify(token).await.map(|signed| signed.user_id)
    }

    #[tokio::test]
    async fn the_sub_of_a_valid_token_is_the_user() {
        assert_eq!(verify(&hs256(&claims())).await, Ok(SUB.parse().unwrap()));
        assert_eq!(verify(&hs256(&with("aud", json!(["other", "courses"])))).await, Ok(SUB.parse().unwrap()));
    }

    #[tokio::test]
    async fn every_claim_has_to_be_there_and_right() {
        let now = Utc::now().timestamp();
        for (field, value) in [
            ("iss", json!("https://evil.test")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("sub", json!("someone")),
            ("sub", json!(7)),
            ("sub", Value::Null),
            ("exp", Value::Null),
            ("exp", json!("never")),
            ("nbf", json!(now + 120)),
            ("nbf", json!("always")),
        ] {
            assert_eq!(verify(&hs256(&with(field, value.clone()))).await, Err(AuthError::Invalid), "{field}: {value}");
        }
        assert_eq!(verify(&hs256(&with("exp", json!(now - 40)))).await, Err(AuthError::Expired));
        assert!(verify(&hs256(&with("exp", json!(now - 10)))).await.is_ok(), "within the leeway");
        assert!(verify(&hs256(&with("nbf", json!(now + 10)))).await.is_ok(), "within the leeway");
    }

    #[tokio::test]
    async fn the_token_does_not_choose_its_algorithm() {
        for alg in ["none", "NONE", "HS384", "RS256", "ES256", "EdDSA"] {
            let header = json!({"alg": alg, "typ": "JWT"});
            assert_eq!(verify(&sign(&header, &claims(), SECRET)).await, Err(AuthError::Invalid), "{alg}");
        }
        let unsigned = hs256(&claims());
        let unsigned = unsigned.rsplit_once('.').unwrap().0;
        assert_eq!(verify(&format!("{unsigned}.")).await, Err(AuthError::Invalid));
        assert_eq!(verify(unsigned).await, Err(AuthError::Invalid));
    }

    #[tokio::test]
    async fn what_has_to_be_understood_is_not_passed_over() {
        for header in [json!({"alg": "HS256", "crit": ["b64"], "b64": false}), json!({"alg": "HS256", "crit": []})] {
            assert_eq!(verify(&sign(&header, &claims(), SECRET)).await, Err(AuthError::Invalid), "{header}");
        }
    }

    #[tokio::test]
    async fn claims_that_are_there_twice_say_nothing() {
        let header = BASE64.encode(r#"{"alg":"HS256"}"#);
        let twice = claims().to_string().replacen('{', r#"{"sub":"22222222-2222-4222-8222-222222222222","#, 1);
        let message = format!("{header}.{}", BASE64.encode(twice));
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = BASE64.encode(hmac::sign(&key, message.as_bytes()));
        assert_eq!(verify(&format!("{message}.{signature}")).await, Err(AuthError::Invalid));
    }

    #[tokio::test]
    async fn another_secret_signs_nothing_here() {
        let header = json!({"alg": "HS256"});
        assert_eq!(verify(&sign(&header, &claims(), &SECRET.replace('0', "1"))).await, Err(AuthError::Invalid));
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        let options = |secret: &str| JwtOptions {
            signed: SignedBy::Secret(secret.into()),
            issuer: String::new(),
            audience: String::new(),
            leeway: Duration::ZERO,
        };
        assert!(matches!(Jwt::new(options(&SECRET[1..])), Err(JwtSetupError::Secret)));
        assert!(!format!("{:?}", options(SECRET)).contains(SECRET));
    }

    #[tokio::test]
    async fn a_published_key_is_no_secret() {
        // The confusion that the libraries of 2015 fell for: HS256 over the text of the public key.
        let signed = SignedBy::Published { url: "http://127.0.0.1:1/".to_owned() };
        let (issuer, audience) = ("https://id.test".to_owned(), "courses".to_owned());
        let jwt = Jwt::new(JwtOptions { signed, issuer, audience, leeway: Duration::ZERO }).unwrap();
        // Refused before anybody is asked for keys.
        assert_eq!(jwt.verify(&hs256(&claims())).await, Err(AuthError::Invalid));
    }

    proptest::proptest! {
        #[test]
        fn no_token_is_too_strange(token in "[A-Za-z0-9_.-]{0,40}.{0,40}") {
            let verified = futures_util::FutureExt::now_or_never(jwt().verify(&token));
            proptest::prop_assert_eq!(verified, Some(Err(AuthError::Invalid)));
        }
    }
}
