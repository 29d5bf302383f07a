//! What the server answers.

use super::guard::Token;
use super::stream::{PAGES, Reader};
use super::{Show, guard, page};
use crate::show::view::Refusal;
use crate::watch::{Question, Request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// The largest question: a drawing of 400 × 400 grey values, say.
const QUESTION: usize = 400 * 400;

/// How long a question waits to be answered: less than a connection that is not answered.
const PATIENCE: Duration = Duration::from_secs(20);

struct App {
    show: Show,
    seats: Arc<Semaphore>,
    token: Token,
    run: u64,
}

type Shared = State<Arc<App>>;

pub(super) fn all(show: Show) -> Router {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = now.map_or(0, |time| time.as_millis() as u64);
    let app = App { show, seats: Arc::new(Semaphore::new(PAGES)), token: Token::new(), run };
    Router::new()
        .route(
            "/",
            get(async |app: Shared| {
                (
                    [(header::CACHE_CONTROL, "no-store")],
                    Html(page(&app.show.views, app.show.answers, app.token.text())),
                )
            }),
        )
        .route("/events", get(events))
        .route("/pause", post(async |app: Shared, headers: HeaderMap| pause(&app, &headers, true)))
        .route("/resume", post(async |app: Shared, headers: HeaderMap| pause(&app, &headers, false)))
        .route("/{*path}", get(resource).post(question))
        .layer(DefaultBodyLimit::max(QUESTION))
        .layer(from_fn(guard::guard))
        .with_state(Arc::new(app))
}

async fn events(State(app): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let Ok(seat) = app.seats.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{PAGES} pages are open already\n"))
            .into_response();
    };
    // After a lost connection the browser says where it was; a page that was hidden says so itself.
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = header.or_else(|| query.as_deref()?.strip_prefix("after="));
    let reader = Reader::new(app.show.events.clone(), app.run, last, seat);
    Sse::new(reader.messages()).keep_alive(KeepAlive::default()).into_response()
}

/// Something that a view's script fetches.
async fn resource(State(app): Shared, Path(path): Path<String>) -> Response {
    // Thousands of pictures take a moment, in which other pages are to be served.
    let made = tokio::task::spawn_blocking(move || {
        app.show.views.iter().find_map(|view| view.resource(&path, &app.show.events))
    });
    match made.await.ok().flatten() {
        Some((kind, bytes)) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is nothing of this name\n").into_response(),
    }
}

/// What is asked by anything but the page.
fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "only the page itself may ask for this\n").into_response()
}

fn pause(app: &App, headers: &HeaderMap, paused: bool) -> Response {
    if !app.token.is_in(headers) {
        return forbidden();
    }
    ask(app, Request::Pause(paused)).map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// Puts a request where the training loop finds it.
fn ask(app: &App, request: Request) -> Result<StatusCode, (StatusCode, &'static str)> {
    match app.show.requests.try_send(request) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(TrySendError::Full(_)) => Err((StatusCode::SERVICE_UNAVAILABLE, "too many ask at once\n")),
        Err(TrySendError::Disconnected(_)) => Err((StatusCode::GONE, "the run is over\n")),
    }
}

/// Asks the model, and gives its answer.
async fn question(State(app): Shared, headers: HeaderMap, Path(path): Path<String>, body: Bytes) -> Response {
    if !app.token.is_in(&headers) {
        return forbidden();
    }
    let body = match app.show.views.iter().find_map(|view| view.question(&path, &body)) {
        None => return (StatusCode::NOT_FOUND, "nothing is asked there\n").into_response(),
        Some(Err(Refusal::Malformed(why))) => {
            return (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response();
        }
        Some(Err(Refusal::Empty(why))) => {
            return (StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")).into_response();
        }
        Some(Ok(body)) => body,
    };
    let (sender, answer) = oneshot::channel();
    let answer_with = Box::new(|answer| {
        let _ = sender.send(answer); // the visitor may have gone
    });
    // When this request is over, nobody waits for an answer any more.
    let waiting = Arc::new(());
    let asker = Some(Arc::downgrade(&waiting));
    if let Err(refused) = ask(&app, Request::Ask(Question { body, answer: answer_with, asker })) {
        return refused.into_response();
    }
    let Ok(answer) = timeout(PATIENCE, answer).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the training has no time just now\n").into_response();
    };
    match answer {
        Ok(Err(why)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")).into_response(),
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => (StatusCode::GONE, "the run is over\n").into_response(),
    }
}
