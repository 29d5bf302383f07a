//! What the server answers.

use super::guard::Token;
use super::stream::{PAGES, Reader};
use super::{Show, guard, page};
use crate::digits::digits_png::{TEST_COLUMNS, TRAINING_COLUMNS, png};
use crate::digits::preprocess;
use crate::run::control::{Drawing, Request};
use crate::watch::event::Event;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// The largest drawing: 400 × 400 grey values.
const DRAWING: usize = 400 * 400;

/// How long a drawing waits to be read: less than a connection that is not answered.
const PATIENCE: Duration = Duration::from_secs(20);

struct App {
    show: Show,
    seats: Arc<Semaphore>,
    token: Token,
    run: u64,
    /// The picture of all test digits, once somebody has asked for it.
    test_digits: OnceLock<Option<Bytes>>,
}

type Shared = State<Arc<App>>;

pub(super) fn all(show: Show) -> Router {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = now.map_or(0, |time| time.as_millis() as u64);
    let app = App {
        show,
        seats: Arc::new(Semaphore::new(PAGES)),
        token: Token::new(),
        run,
        test_digits: OnceLock::new(),
    };
    Router::new()
        .route(
            "/",
            get(async |app: Shared| {
                ([(header::CACHE_CONTROL, "no-store")], Html(page(app.show.reads, app.token.text())))
            }),
        )
        .route("/events", get(events))
        .route("/digits/test", get(test_digits))
        .route("/digits/training/{step}", get(training_digits))
        .route("/pause", post(async |app: Shared, headers: HeaderMap| pause(&app, &headers, true)))
        .route("/resume", post(async |app: Shared, headers: HeaderMap| pause(&app, &headers, false)))
        .route("/read", post(read))
        .layer(DefaultBodyLimit::max(DRAWING))
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

async fn test_digits(State(app): Shared) -> Response {
    // Thousands of digits take a moment, in which other pages are to be served.
    let drawn = tokio::task::spawn_blocking(move || {
        let draw = || {
            let test = &app.show.data.as_ref()?.test;
            let all: Vec<usize> = (0..test.len()).collect();
            Some(Bytes::from(png(test, &all, TEST_COLUMNS)))
        };
        app.test_digits.get_or_init(draw).clone()
    });
    picture_or_404(drawn.await.ok().flatten())
}

async fn training_digits(State(app): Shared, Path(step): Path<u64>) -> Response {
    let draw = || {
        let events = app.show.events.borrow().clone();
        let digits = events.iter().find_map(|event| match &**event {
            Event::TrainingDigits(digits) if digits.step == step => Some(digits),
            _ => None,
        })?;
        let train = &app.show.data.as_ref()?.train;
        // A run that is read from a file may speak of any.
        let all_there = digits.indices.iter().all(|&index| index < train.len());
        all_there.then(|| Bytes::from(png(train, &digits.indices, TRAINING_COLUMNS)))
    };
    picture_or_404(draw())
}

fn picture_or_404(png: Option<Bytes>) -> Response {
    match png {
        Some(png) => {
            ([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")], png).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such picture\n").into_response(),
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

/// Reads a drawing, a square of grey values of which the bright ones are ink, and answers with ten probabilities.
async fn read(State(app): Shared, headers: HeaderMap, drawing: Bytes) -> Response {
    if !app.token.is_in(&headers) {
        return forbidden();
    }
    let side = drawing.len().isqrt();
    if side == 0 || side * side != drawing.len() {
        return (StatusCode::BAD_REQUEST, "a drawing is a square of bytes\n").into_response();
    }
    let Some(pixels) = preprocess::digit(side, side, &drawing) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "nothing is drawn\n").into_response();
    };
    let (sender, answer) = oneshot::channel();
    let answer_with = Box::new(|probabilities| {
        let _ = sender.send(probabilities); // the visitor may have gone
    });
    // When this request is over, nobody waits for an answer any more.
    let waiting = Arc::new(());
    let asker = Some(Arc::downgrade(&waiting));
    if let Err(refused) = ask(&app, Request::Read(Drawing { pixels, answer: answer_with, asker })) {
        return refused.into_response();
    }
    let Ok(answer) = timeout(PATIENCE, answer).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the training has no time just now\n").into_response();
    };
    match answer {
        Ok(probabilities) if probabilities.iter().any(|p| !p.is_finite()) => {
            let reason = "what the network computes is not a number any more\n";
            (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
        }
        Ok(probabilities) => {
            let text = serde_json::to_string(&probabilities).expect("numbers can be written");
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(_) => (StatusCode::GONE, "the run is over\n").into_response(),
    }
}
