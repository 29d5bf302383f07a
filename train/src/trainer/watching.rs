//! Who watches a training, and what there is to be seen of it.

use super::panels::{FnPanel, PanelSource};
use super::settings::{Place, Trainer};
use crate::watch::{
    Command, Content, Event, History, ModelView, Observer, Panel, Question, RunFolder, Start, stride,
};
use nn::{Graph, Metadata, Module, Program, Tensor};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Pictures of a kind in a run, at most: the width of a panel in pixels.
const PICTURES: u64 = 300;

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    /// The folder of the run, made if it is not there: its settings (`config.json`), a line for each record (`metrics.jsonl`, in the end as
    /// a table, `metrics.csv`), what panels show (`panels.jsonl`), results (`results.json`), the model and the best one so far
    /// (`model.safetensors`, `best.safetensors`), and `checkpoints` to [resume](Trainer::resume) from, one a minute unless steps are
    /// [given](Trainer::checkpoint_every). With the features `page` and `figures` also the page with the whole run in it (`report.html`) and
    /// the panels as a picture (`figure.svg`, `figure.png`).
    #[must_use]
    pub fn folder(self, path: impl Into<PathBuf>) -> Self {
        Trainer { place: Place::Path(path.into()), ..self }.remember()
    }

    /// The folder of the run, which is held already.
    #[must_use]
    pub fn run_folder(self, folder: RunFolder) -> Self {
        Trainer { place: Place::Opened(Box::new(folder)), ..self }.remember()
    }

    /// Whether the table of the records, the page with the whole run in it and the panels as a picture are left in the folder, which takes
    /// about half a second after each [`fit`](Trainer::fit); they are unless said otherwise.
    #[must_use]
    pub fn pictures(self, kept: bool) -> Self {
        Trainer { pictures: kept, ..self }
    }

    /// The folder of a run that has begun, if it can be written to.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Opened(folder) => folder.path(),
            _ => None,
        }
    }

    /// Saves the model that the run ends with to this file, too.
    #[must_use]
    pub fn save_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.saving.file = Some(file.into());
        self
    }

    /// The run's name, for people. Unless given it is that of its folder.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.about.name = Some(name.to_owned());
        self
    }

    /// Notes a setting in `config.json`.
    ///
    /// # Panics
    /// If every run notes something of this name.
    #[must_use]
    #[track_caller]
    pub fn note(mut self, name: &str, value: impl Into<Value>) -> Self {
        check_note(name);
        self.about.notes.insert(name.to_owned(), value.into());
        self
    }

    /// Notes all members of a structure in `config.json`.
    ///
    /// # Panics
    /// If it is no structure, nothing that JSON can hold, or every run notes something of one of its names.
    #[must_use]
    #[track_caller]
    pub fn notes(mut self, settings: &impl Serialize) -> Self {
        match serde_json::to_value(settings) {
            Ok(Value::Object(members)) => {
                members.keys().for_each(|name| check_note(name));
                self.about.notes.extend(members);
            }
            other => panic!("notes: these are no members of a structure: {other:?}"),
        }
        self
    }

    /// What the model's files say of it, beside the step.
    #[must_use]
    pub fn metadata(mut self, notes: Metadata) -> Self {
        self.saving.notes = notes;
        self
    }

    /// A setting that has to be the same when the run is resumed, in words; the data are compared in any case.
    #[must_use]
    pub fn same(mut self, name: &str, value: impl Into<String>) -> Self {
        self.about.identity.insert(name.to_owned(), value.into());
        self
    }

    /// Versions of the program and of the compiler that built it, for `config.json`: a run that goes on with others is warned of.
    #[must_use]
    pub fn version(mut self, program: &str, compiler: &str) -> Self {
        self.about.version = Some([program.to_owned(), compiler.to_owned()]);
        self
    }

    /// Lines for the terminal above the table of the model's layers, and below.
    #[must_use]
    pub fn lines(mut self, lines: [Vec<String>; 2]) -> Self {
        self.about.lines = Some(lines);
        self
    }

    /// What people are shown of the model. Unless given its layers and the graph of a training step are drawn.
    #[must_use]
    pub fn model_view(mut self, view: ModelView) -> Self {
        self.about.view = Some(view);
        self
    }

    /// The panels, in their order. Unless given there is a curve for each value, the bands of weights or activations, and those of the
    /// [sources](Trainer::source).
    ///
    /// # Panics
    /// If a range is empty or not finite, a logarithmic one has 0, or there are other bands than 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn panels(mut self, panels: Vec<Panel>) -> Self {
        for panel in &panels {
            let is_range = |[low, high]: &[f64; 2]| low.is_finite() && high.is_finite() && low < high;
            let is_good = match panel {
                Panel::Curve(curve) => {
                    let log = curve.log.iter().all(|range| is_range(range) && range[0] > 0.0);
                    curve.factor.is_finite() && curve.ranges.iter().all(is_range) && log
                }
                Panel::Bands(which) => *which < 2,
                Panel::Own { .. } => true,
            };
            assert!(is_good, "trainer: there is no panel of this range or kind: {panel:?}");
        }
        self.about.panels = Some(panels);
        self
    }

    /// A panel of one's own, whose content is made where the sets are evaluated: a sample of what the model writes, say.
    ///
    /// ```
    /// use nn::{Layer, Linear, Rng};
    /// use train::Trainer;
    /// use train::watch::Content;
    ///
    /// let line = Linear::new(1, 1, &mut Rng::new(1));
    /// let trainer = Trainer::new(line, optim::Adam::new(), |line: &Linear, [x, y]| [nn::loss::mse(line.forward(x), y)])
    ///     .panel("the line", |line| Content::Text(format!("slope {:.2}", line.weight.value().item())));
    /// # let _ = trainer;
    /// ```
    ///
    /// # Panics
    /// If an event has this name, `step` say.
    #[must_use]
    #[track_caller]
    pub fn panel(self, title: &str, content: impl FnMut(&M) -> Content + Send + 'static) -> Self
    where
        M: 'static,
    {
        self.source(FnPanel { title: title.to_owned(), f: content })
    }

    /// Something that shows panels of its own.
    ///
    /// # Panics
    /// If a panel has the name of an event, `step` say, or of another panel.
    #[must_use]
    #[track_caller]
    pub fn source(mut self, source: impl PanelSource<M> + 'static) -> Self {
        const EVENTS: [&str; 9] =
            ["start", "model", "step", "histograms", "checkpoint", "resumed", "paused", "flush", "done"];
        let names = |source: &dyn PanelSource<M>| -> Vec<String> {
            let own = source.panels().into_iter();
            own.filter_map(|panel| if let Panel::Own { name, .. } = panel { Some(name) } else { None })
                .collect()
        };
        let known: Vec<String> = self.sources.iter().flat_map(|source| names(&**source)).collect();
        for name in names(&source) {
            assert!(
                !EVENTS.contains(&name.as_str()) && !known.contains(&name),
                "trainer: a panel called {name:?} would be taken for another; give it a name of its own"
            );
        }
        self.sources.push(Box::new(source));
        self
    }

    /// Draws panels of one's own.
    #[cfg(feature = "figures")]
    #[must_use]
    pub fn view(mut self, view: Arc<dyn crate::show::View>) -> Self {
        self.views.push(view);
        self
    }

    /// Is told all that happens, in a thread of its own.
    #[must_use]
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Prints what happens to the terminal, with a line that fills up.
    #[cfg(feature = "terminal")]
    #[must_use]
    pub fn terminal(self) -> Self {
        self.observe(crate::terminal::Console::new(false))
    }

    /// Writes a movie of the panels to this `.gif` file, and beside it as MP4 if ffmpeg is installed; or to this `.mp4` file alone.
    #[cfg(feature = "movie")]
    #[must_use]
    pub fn movie(self, file: impl Into<PathBuf>) -> Self {
        Trainer { movie: Some(file.into()), ..self }.remember()
    }

    /// Serves the live page on 127.0.0.1 at this port, or the next that is free, for as long as the program runs; returns its address. The
    /// page can have the training pause, and ask the model what the [sources](Trainer::source) answer.
    ///
    /// # Errors
    /// If no port is free.
    #[cfg(feature = "page")]
    pub fn live(&mut self, port: u16) -> Result<std::net::SocketAddr, super::TrainError> {
        use super::TrainError;
        /// Requests that may wait for the loop.
        const REQUESTS: usize = 16;
        let (requests, asked) = std::sync::mpsc::sync_channel(REQUESTS);
        let events = self.history.get_or_insert_default().events();
        let show = crate::show::Show { events, views: self.views.clone(), requests, answers: true };
        let address = crate::show::serve(show, port).map_err(|error| TrainError::Page { port, error })?;
        self.control = Some(crate::watch::Control::new(asked));
        Ok(address)
    }

    /// Times every operation of the programs that are compiled from now on.
    #[must_use]
    pub fn profile(mut self, profiled: bool) -> Self {
        self.training.set_profiled(profiled);
        self.inference.set_profiled(profiled);
        self
    }

    /// The programs compiled so far, and what each is: a `training step`, or a `test`.
    pub fn programs(&self) -> impl Iterator<Item = (&'static str, &Program)> {
        let training = self.training.programs().map(|program| ("training step", program));
        training.chain(self.inference.programs().map(|program| ("test", program)))
    }

    /// All that was told so far of a run that has a folder, a page or a movie.
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.history.as_ref().map_or(vec![], |history| history.events().all())
    }

    /// After training: answers what the page asks, until the training's [stop](Trainer::stop) is set.
    pub fn answer(&mut self) {
        while let Some(question) = self.control.as_mut().and_then(|control| control.after(&self.stop)) {
            self.reply(question);
        }
    }

    /// Answers those who watch, for as long as they have training paused.
    pub(super) fn serve(&mut self, emit: &mut dyn FnMut(Event)) {
        while let Some(command) = self.control.as_mut().and_then(|control| control.next(&self.stop)) {
            match command {
                Command::Paused(paused) => emit(Event::Paused(paused)),
                Command::Answer(question) => {
                    let begun = Instant::now();
                    self.reply(question);
                    if let Some(control) = &mut self.control {
                        control.has_answered(begun.elapsed());
                    }
                }
            }
        }
    }

    pub(super) fn reply(&mut self, Question { body, answer, .. }: Question) {
        let model = &self.model;
        let found = self.sources.iter_mut().find_map(|source| source.answer(model, &body));
        answer(found.unwrap_or_else(|| Err("nobody knows an answer".to_owned())));
    }

    /// How the model's inner values are distributed, if somebody wants to see it.
    pub(super) fn show_activations(&mut self, inputs: &[Tensor; N], emit: &mut dyn FnMut(Event)) {
        let default = self.about.panels.is_none();
        let shows = |panel: &Panel| matches!(panel, Panel::Bands(_));
        if !self.is_watched || !default && !self.about.panels.iter().flatten().any(shows) {
            return;
        }
        let (step, model) = (&self.step, &self.model);
        let record = |graph: &Graph| {
            step(model, inputs.each_ref().map(|input| graph.input(input.clone())));
        };
        let activations =
            self.activations.read(self.eager, model, [self.seed, self.state.batch], inputs, &record);
        if let Some(histograms) = activations.histograms(self.state.step) {
            emit(Event::Histograms(histograms));
        }
    }

    /// Whether there are pictures of the batch at this step.
    pub(super) fn pictures_at(&self, step: u64) -> bool {
        step.is_multiple_of(stride(self.planned, self.record_every, PICTURES, step))
    }

    /// Whether the sources show something of the model at this step: where sets are evaluated, or, without sets, where there are pictures.
    pub(super) fn shows_at(&self, step: u64, is_last: bool, is_evaluated: bool) -> bool {
        match self.sets.is_empty() {
            true => is_last || self.pictures_at(step),
            false => {
                let every = stride(self.planned, self.evaluate_every, PICTURES, step);
                is_evaluated && (is_last || step.is_multiple_of(every))
            }
        }
    }

    /// What the sources have to show of the model as it is evaluated.
    pub(super) fn show_evaluated(&mut self, emit: &mut dyn FnMut(Event)) {
        self.with_averages(|trainer| {
            for source in &mut trainer.sources {
                let shown = source.evaluated(&trainer.model, trainer.state.step);
                shown.into_iter().map(Event::Shown).for_each(&mut *emit);
            }
        });
    }

    /// Pictures are made of what was told.
    fn remember(mut self) -> Self {
        if cfg!(feature = "figures") {
            self.history.get_or_insert_with(History::new);
        }
        self
    }
}

/// Refuses a note that would hide what every run notes.
#[track_caller]
fn check_note(name: &str) {
    let own = serde_json::to_value(Start { watched: Some(Default::default()), ..Start::default() });
    let is_own = own.is_ok_and(|own| own.get(name).is_some());
    assert!(!is_own, "note: every run notes something called {name:?}; give this another name");
}
