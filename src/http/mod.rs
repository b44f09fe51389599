//! The HTTP API: one file per resource. Everything here stands in the OpenAPI document.
//!
//! The drop-in endpoints answer as the clients that exist expect it (`{"success":…}`); all others report errors as
//! `application/problem+json`. What poem itself refuses (a body that is not JSON, a path that is not there) is brought
//! into the same two forms by [`errors`]. The page that people see, [`ui`], is beside the API and stands in no document.
//!
//! An operation returns `Result<Reply<What>, refused![Code, …]>`: what it answers when all is well, and the problems that it
//! knows. Both stand in the document by themselves; inside, `?` turns any [`Problem`](crate::wire::Problem) into the answer.

mod allow;
mod analytics;
mod audit;
mod body;
mod client_address;
mod courses;
mod doors;
mod errors;
mod example;
mod export;
mod failure;
mod generation;
mod health;
mod origin;
mod paging;
mod producers;
mod reply;
mod seals;
mod sessions;
mod strict;
mod timestamp;
mod trail;
mod ui;
mod vocabulary;

use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, endpoint::make_sync};
use poem_openapi::{OpenApi, OpenApiService};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::ticket::Tickets,
    feed::Feed,
    generation::Generation,
    limits::Limits,
    store::{Appender, Store},
};

pub use body::Bodies;
pub use client_address::TrustedProxies;
pub use doors::Doors;
pub use health::Metrics;
pub use origin::AllowedOrigins;
pub use trail::{Principal, Recorder, Trail};

/// What the endpoints work with.
#[derive(Clone)]
pub struct Http {
    pub store: Store,
    pub feed: Feed,
    pub generation: Generation,
    pub appender: Appender,
    pub trail: Trail,
    pub limits: Limits,
    pub tickets: Tickets,
    pub metrics: Metrics,
    /// Cancelled once the node is told to stop: it is no longer ready.
    pub stopping: CancellationToken,
}

const DESCRIPTION: &str = "Starts AI course-generation runs and serves their logs, live and from the history. \
    Real-time clients use the WebSocket at `/ws` or the server-sent events of a session; both resume behind a last-seen offset.";

/// The endpoints of this room, described; `others` are the described endpoints of other rooms.
pub fn service<O: OpenApi>(http: Http, others: O) -> OpenApiService<impl OpenApi, ()> {
    let apis = (
        generation::GenerationApi { http: http.clone() },
        sessions::SessionsApi { http: http.clone() },
        producers::ProducersApi { http: http.clone() },
        courses::CoursesApi { http: http.clone() },
        analytics::AnalyticsApi { http: http.clone() },
        export::ExportApi { http: http.clone() },
        seals::SealsApi { http: http.clone() },
        audit::AuditApi { http: http.clone() },
        health::HealthApi { http },
        others,
    );
    OpenApiService::new(apis, "coursestream", env!("CARGO_PKG_VERSION")).description(DESCRIPTION)
}

/// The document alone, as `/openapi.json` serves it: pretty, with a line break at its end.
#[must_use]
pub fn document<T: OpenApi>(service: &OpenApiService<T, ()>) -> String {
    let mut text = service.spec();
    text.push('\n');
    text
}

/// Everything that is served: the endpoints and their document, added to the real-time `transports`, with what holds for all
/// of it: origins, body sizes, the form of errors.
pub fn routes<T: OpenApi + 'static>(
    transports: Route,
    service: OpenApiService<T, ()>,
    doors: Doors,
    bodies: Bodies,
    trail: Trail,
    origins: AllowedOrigins,
) -> impl IntoEndpoint<Endpoint = impl Endpoint + 'static> {
    let document = document(&service);
    let methods = allow::Methods::of(&document);
    let document = make_sync(move |_| Response::builder().content_type("application/json").body(document.clone()));
    let routes = ui::mount(transports)
        .at("/openapi.json", poem::get(document))
        .nest("/docs", service.swagger_ui())
        // Transports bound what they read themselves.
        .nest(
            "/",
            service
                .into_endpoint()
                .around(move |next, request| trail::record(next, request, trail.clone()))
                .around(move |next, request| body::bound(next, request, bodies.clone())),
        );
    let routes = routes
        .around(ui::root)
        .around(move |next, request| doors::guard(next, request, doors.clone()))
        // Inside, so that errors carry the headers of their origin, and outside, for the refusal of an origin.
        .around(errors::unify)
        .around(move |next, request| allow::say(next, request, methods.clone()))
        // Each layer is a type around the one before: here they begin anew, before they are too deep for the compiler.
        .boxed();
    origin::guard(routes, origins).into_endpoint().around(errors::unify).around(origin::vary)
}
