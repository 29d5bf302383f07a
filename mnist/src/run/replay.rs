//! A run that is over, opened in the page again.

use crate::digits::data::{Choice, Dataset, Search, Source};
use crate::digits::model_file;
use crate::digits::panels::{DigitView, answer, panels};
use crate::run::engine::Engine;
use crate::run::mode::Mode;
use crate::run::settings::{Settings, recorded};
use nn::Sequential;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use train::show::{ReplayError, Show, serve};
use train::watch::{Control, Event, History, Start, files};

/// Serves the run in `folder` as a page, calls `opened` with its address, and returns when `stop` is set. `say` is given
/// lines about what is missing.
///
/// # Errors
/// If there is no such run, or no port to serve it on.
pub fn replay(
    folder: &Path,
    port: u16,
    stop: &AtomicBool,
    opened: impl FnOnce(SocketAddr),
    say: &mut dyn FnMut(String),
) -> Result<(), ReplayError> {
    let (start, events) = recorded(folder)?;
    let events: Vec<Arc<Event>> = events.into_iter().map(with_panels).collect();
    let mut history = History::new();
    history.go_on_after(&events);
    let data = digits(&start, &events, say);
    let model = trained(&start, &folder.join(files::MODEL), say);
    let (requests, asked) = sync_channel(4);
    let views: train::show::Views = vec![Arc::new(DigitView::new(data.map(Arc::new)))];
    opened(serve(Show { events: history.events(), views, requests, answers: model.is_some() }, port)?);
    let (mut control, mut engine) = (Control::new(asked), Engine::new(Mode::Compiled, 0));
    while let Some(question) = control.after(stop) {
        // Without a model the page does not offer it.
        if let Some(model) = &model {
            (question.answer)(answer(&mut engine, model, &question.body));
        }
    }
    Ok(())
}

/// Runs of earlier versions do not say what there is to be seen of digits.
fn with_panels(event: Arc<Event>) -> Arc<Event> {
    match &*event {
        Event::Start(start) if Settings::of(start).is_ok() => {
            Arc::new(Event::Start(Box::new(Start { panels: panels(), ..(**start).clone() })))
        }
        _ => event,
    }
}

/// The digits that the run was trained on, if they are at hand: from where it had them, or from anywhere else on this
/// computer, or drawn again. Their digest tells.
fn digits(start: &Start, events: &[Arc<Event>], say: &mut dyn FnMut(String)) -> Option<Dataset> {
    let shown = |event: &Arc<Event>| matches!(**event, Event::Shown(_));
    let settings = Settings::of(start).ok().filter(|_| events.iter().any(shown))?;
    let anywhere = Search::from_env();
    let mut here = anywhere.clone();
    here.mirrors.clear();
    // A run may have drawn its digits though nobody asked for that, where there was no network: here may be MNIST.
    let places = if settings.source == (Source::Synthetic { seed: Search::SYNTHETIC_SEED }).to_string() {
        vec![(&here, Choice::Synthetic)]
    } else {
        vec![(&anywhere, settings.options.choice()), (&here, Choice::Auto)]
    };
    let mut others = vec![];
    for (search, choice) in places {
        match search.load(&choice, &mut |_| ()) {
            Ok(data) if data.digest() == settings.data_sha256 => return Some(data),
            Ok(data) => others.push(format!("{} are others", data.source)),
            Err(error) => others.push(error.to_string()),
        }
    }
    others.dedup();
    say(format!("the sheets of digits stay empty: the run's digits are not at hand ({})", others.join("; ")));
    None
}

/// The model as the run left it, if it is one of the nine.
fn trained(start: &Start, file: &Path, say: &mut dyn FnMut(String)) -> Option<Sequential> {
    model_file::open(file, Some(&start.name))
        .inspect_err(|error| say(format!("drawn digits are not read: {error}")))
        .ok()
}
