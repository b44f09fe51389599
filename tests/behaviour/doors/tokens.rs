//! Tokens of an issuer that publishes its keys.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64},
};
use chrono::Utc;
use reqwest::Method;
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::callers::{AUDIENCE, ISSUER};
use crate::support::{
    api::{Answer, Api, USER},
    database::Database,
    service::Service,
};

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Key {
    fn rsa() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/issuer-rsa-key.pem");
        let pem = std::fs::read_to_string(path).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Self::Rsa(RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap())
    }

    fn ec() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
        }
    }

    fn published(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = key.public_key().into();
                json!({"kty": "RSA", "kid": kid, "n": BASE64.encode(public.n), "e": BASE64.encode(public.e)})
            }
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
            }
        }
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": kid});
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", BASE64.encode(signature))
    }
}

/// A server that publishes keys, and counts how often it is asked for them.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Issuer {
    async fn start(keys: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Some(keys)));
        let asked = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn({
            let (keys, asked) = (keys.clone(), asked.clone());
            async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = [0; 4_096];
                    let _ = stream.read(&mut request).await;
                    asked.fetch_add(1, Ordering::Relaxed);
                    let keys = keys.lock().unwrap().clone();
                    let (status, body) = match keys {
                        Some(keys) => ("200 OK", json!({"keys": keys}).to_string()),
                        None => ("503 Away", String::new()),
                    };
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { url, keys, asked, serving }
    }

    fn publish(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn node(issuer: &Issuer) -> (Service, Api) {
    let database = Database::create().await;
    let arguments = ["--jwks-url", &issuer.url, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    (service, api)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": [AUDIENCE, "others"], "sub": USER, "exp": Utc::now().timestamp() + 600})
}

async fn status(api: &Api, token: &str) -> u16 {
    Answer::to(api.request(Method::GET, "/api/v1/sessions").bearer_auth(token)).await.status.as_u16()
}

#[tokio::test]
async fn published_keys_open_the_doors_whatever_their_kind() {
    let (rsa, ec) = (Key::rsa(), Key::ec());
    let issuer = Issuer::start(json!([rsa.published("r"), ec.published("e")])).await;
    let (_service, api) = node(&issuer).await;
    assert_eq!(status(&api, &rsa.sign("r", &claims())).await, 200);
    assert_eq!(status(&api, &ec.sign("e", &claims())).await, 200);
    assert_eq!(issuer.asked(), 1, "keys are kept");
    // Right names, wrong keys.
    assert_eq!(status(&api, &ec.sign("r", &claims())).await, 401);
    assert_eq!(status(&api, &Key::ec().sign("e", &claims())).await, 401);
    for (field, value) in [("iss", json!("evil")), ("aud", json!("others")), ("exp", json!(1))] {
        let mut claims = claims();
        claims[field] = value;
        assert_eq!(status(&api, &rsa.sign("r", &claims)).await, 401, "{field}");
    }
}

#[tokio::test]
async fn a_token_signed_with_the_published_key_as_a_secret_opens_nothing() {
    use hmac::{Hmac, KeyInit, Mac};

    let rsa = Key::rsa();
    let issuer = Issuer::start(json!([rsa.published("r")])).await;
    let (_service, api) = node(&issuer).await;
    assert_eq!(status(&api, &rsa.sign("r", &claims())).await, 200);
    let published = rsa.published("r");
    for secret in [published.to_string(), published["n"].as_str().unwrap().to_owned(), String::new()] {
        for alg in ["HS256", "none"] {
            let header = json!({"alg": alg, "kid": "r"});
            let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(message.as_bytes());
            let signature = if alg == "none" { String::new() } else { BASE64.encode(mac.finalize().into_bytes()) };
            assert_eq!(status(&api, &format!("{message}.{signature}")).await, 401, "{alg}");
        }
    }
}

#[tokio::test]
async fn unknown_key_names_do_not_make_the_issuer_be_asked_again_and_again() {
    let key = Key::ec();
    let issuer = Issuer::start(json!([key.published("1")])).await;
    let (_service, api) = node(&issuer).await;
    assert_eq!(status(&api, &key.sign("1", &claims())).await, 200);
    for number in 0..30 {
        assert_eq!(status(&api, &key.sign(&format!("made up {number}"), &claims())).await, 401);
    }
    assert!(issuer.asked() <= 3, "asked {} times", issuer.asked());
}

#[tokio::test]
async fn an_issuer_that_is_away_stops_nobody_whose_key_is_known() {
    let (first, second) = (Key::ec(), Key::ec());
    let issuer = Issuer::start(json!([first.published("1")])).await;
    let (service, api) = node(&issuer).await;
    assert_eq!(status(&api, &first.sign("1", &claims())).await, 200);
    issuer.publish(None);
    // A token of a key that nobody knows makes the node look, in vain.
    assert_eq!(status(&api, &second.sign("2", &claims())).await, 401);
    assert_eq!(status(&api, &first.sign("1", &claims())).await, 200);
    // It comes back with a new key.
    issuer.publish(Some(json!([second.published("2")])));
    let changed = async {
        while status(&api, &second.sign("2", &claims())).await != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(crate::support::service::PATIENCE, changed).await.expect("the new key is found");
    assert_eq!(status(&api, &first.sign("1", &claims())).await, 401, "the old one is not taken any more");
    drop(service);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_asked_once_for_all_who_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            held.push(stream);
        }
    });
    let database = Database::create().await;
    let arguments = ["--jwks-url", &url, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];
    let service = Service::start_with(&database, &arguments).await;
    let api = Api::of(&service);
    let key = Key::ec();
    let tokens: Vec<String> = (0..4).map(|number| key.sign(&number.to_string(), &claims())).collect();
    let answers = futures_util::future::join_all(tokens.iter().map(|token| status(&api, token))).await;
    assert_eq!(answers, [503; 4]);
    assert_eq!(asked.load(Ordering::Relaxed), 1, "or whoever makes up names could have others wait for long");
    silent.abort();
}

#[tokio::test]
async fn while_nothing_is_known_nobody_is_told_that_he_is_wrong() {
    let key = Key::ec();
    let issuer = Issuer::start(json!([])).await;
    issuer.publish(None);
    let (_service, api) = node(&issuer).await;
    let answer = Answer::to(api.request(Method::GET, "/api/v1/sessions").bearer_auth(key.sign("1", &claims()))).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.header("retry-after"), "5");
}
