//! The keys that an issuer publishes (RFC 7517).
//!
//! They are kept and refreshed in good time; a token that names a key which is not among them is a reason to look again,
//! but not more often than every few seconds: anybody can make up names. While the issuer is away, the keys that are known
//! go on to be taken.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use reqwest::{Client, Url, redirect};
use tokio::sync::Mutex as AsyncMutex;

use super::AuthError;

/// Keys older than this are asked for again, beside what is going on.
const FRESH: Duration = Duration::from_secs(300);
/// Where nobody has asked for keys for so long, they are asked for before one is taken.
const STALE: Duration = Duration::from_secs(900);
/// Pause between two looks, whatever the reason and whatever came of the first.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 256 << 10;
const KEYS_MAX: usize = 64;

/// A key, and the one algorithm that it is for: its own kind decides, not the token's header.
#[derive(Clone)]
pub(super) struct PublicKey {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The published keys. Cheap to clone.
#[derive(Clone)]
pub(super) struct Jwks {
    shared: Arc<Shared>,
}

struct Shared {
    url: Url,
    client: Client,
    known: Mutex<Known>,
    /// One look at a time; others wait for its outcome.
    looking: AsyncMutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Arc<[PublicKey]>,
    fetched: Option<Instant>,
    looked: Option<Instant>,
}

/// The address is none that keys may be fetched from.
#[derive(Debug, thiserror::Error)]
pub enum JwksSetupError {
    #[error("must be an https:// URL without user name or password; http:// only to loopback")]
    Url,
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer is no key set: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the key set holds no key for RS256 or ES256")]
    Empty,
}

impl Jwks {
    pub(super) fn new(url: &str) -> Result<Self, JwksSetupError> {
        let url = Url::parse(url).map_err(|_| JwksSetupError::Url)?;
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let has_secret = !url.username().is_empty() || url.password().is_some();
        if has_secret || !(url.scheme() == "https" || (url.scheme() == "http" && is_loopback)) {
            return Err(JwksSetupError::Url);
        }
        metrics::describe_counter!(
            "coursestream_jwks_errors_total",
            "How often the issuer of tokens could not be asked for its keys"
        );
        metrics::counter!("coursestream_jwks_errors_total").increment(0);
        // An error means that another part was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("coursestream/", env!("CARGO_PKG_VERSION")))
            .timeout(FETCH_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(JwksSetupError::Client)?;
        let shared = Shared { url, client, known: Mutex::default(), looking: AsyncMutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The key of this name; of a token without one, the only key that there is.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<PublicKey, AuthError> {
        match self.shared.find(id) {
            Some(key) if !self.shared.is_stale() => return Ok(key),
            // Nobody came for long: it may have been withdrawn meanwhile.
            Some(_) if self.shared.has_not_looked_for(STALE) => self.shared.look().await,
            Some(key) => {
                self.shared.look_beside();
                return Ok(key);
            }
            None => self.shared.look().await,
        }
        match self.shared.find(id) {
            Some(key) => Ok(key),
            None if self.shared.knows_any() => Err(AuthError::Invalid),
            None => Err(AuthError::Unavailable),
        }
    }
}

impl Shared {
    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, id: Option<&str>) -> Option<PublicKey> {
        let keys = self.known(|known| known.keys.clone());
        match (id, &*keys) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)).cloned(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }

    fn knows_any(&self) -> bool {
        self.known(|known| !known.keys.is_empty())
    }

    fn is_stale(&self) -> bool {
        self.known(|known| known.fetched.is_none_or(|at| at.elapsed() > FRESH))
    }

    fn has_not_looked_for(&self, pause: Duration) -> bool {
        self.known(|known| known.looked.is_none_or(|at| at.elapsed() > pause))
    }

    /// Asks the issuer, unless that was just done. Who comes while somebody asks waits for the same answer.
    async fn look(&self) {
        let _looking = self.looking.lock().await;
        if self.has_not_looked_for(LOOK_EVERY) {
            self.ask().await;
        }
    }

    /// Asks the issuer, and nobody waits for it.
    fn look_beside(self: &Arc<Self>) {
        if self.has_not_looked_for(LOOK_EVERY) && self.looking.try_lock().is_ok() {
            let shared = self.clone();
            tokio::spawn(async move { shared.look().await });
        }
    }

    async fn ask(&self) {
        let fetched = self.fetch().await;
        // The pause begins when the answer is there: else those who waited for a slow one would ask again, one by one.
        self.known(|known| known.looked = Some(Instant::now()));
        match fetched {
            Ok(keys) => self.known(|known| {
                known.keys = keys.into();
                known.fetched = Some(Instant::now());
            }),
            Err(error) => {
                metrics::counter!("coursestream_jwks_errors_total").increment(1);
                tracing::warn!(%error, "the issuer's keys could not be fetched; those that are known are taken on");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>, FetchError> {
        let mut response = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let keys = read(&body)?;
        if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
    }
}

/// The keys of a set that tokens may be signed with; others in it are for others.
fn read(body: &[u8]) -> serde_json::Result<Vec<PublicKey>> {
    let set: JwkSet = serde_json::from_slice(body)?;
    Ok(set.keys.iter().filter_map(PublicKey::of).take(KEYS_MAX).collect())
}

impl PublicKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        // A symmetric key in a public set is anybody's: never taken.
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|named| named != name) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: jwk.common.key_id.clone(), algorithm, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = r#"{"kty":"RSA","kid":"r","use":"sig","alg":"RS256","n":"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw","e":"AQAB"}"#;
    const EC: &str = r#"{"kty":"EC","kid":"e","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

    fn algorithms(keys: &str) -> Vec<Algorithm> {
        read(format!(r#"{{"keys":[{keys}]}}"#).as_bytes()).unwrap().iter().map(|key| key.algorithm).collect()
    }

    #[test]
    fn the_kind_of_a_key_decides_its_algorithm() {
        assert_eq!(algorithms(&format!("{RSA},{EC}")), [Algorithm::RS256, Algorithm::ES256]);
    }

    #[test]
    fn keys_for_anything_else_are_left_out() {
        for other in [
            r#"{"kty":"oct","kid":"o","k":"c2VjcmV0"}"#.to_owned(),
            r#"{"kty":"new","kid":"n","zz":"1"}"#.to_owned(),
            RSA.replace("sig", "enc"),
            RSA.replace("RS256", "PS256"),
            EC.replace("P-256", "P-384"),
        ] {
            assert_eq!(algorithms(&other), [], "{other}");
        }
        assert!(read(b"[]").is_err());
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for url in ["https://id.example.com/jwks", "http://127.0.0.1:1/jwks", "http://localhost/jwks"] {
            assert!(Jwks::new(url).is_ok(), "{url}");
        }
        for url in [
            "http://id.example.com/jwks",
            "ftp://localhost",
            "jwks",
            "http://localhost.evil.test/",
            "https://me:secret@id.example.com/jwks",
        ] {
            assert!(Jwks::new(url).is_err(), "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_key_set_is_too_strange(text in "(\\{\"keys\":\\[)?[\\[\\]{}\",:a-zA-Z0-9]{0,80}.{0,40}") {
            let _ = read(text.as_bytes());
        }
    }
}
