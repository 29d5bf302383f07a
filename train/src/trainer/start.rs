//! What a training tells before its first step, and the pictures that it leaves after its last.

use super::TrainError;
use super::settings::{Place, Trainer};
use super::step::parts;
use crate::watch::{Curve, Event, ModelView, Panel, Record, Start, csv, dataflow, files, recorded};
use crate::{Dataset, Loader};
use nn::{Graph, Module, Role, Summary};
use std::sync::Arc;

impl<M: Module, const N: usize, const O: usize> Trainer<M, N, O> {
    pub(super) fn start<D: Dataset + 'static>(&self, loader: &Loader<D>, steps: u64) -> Start {
        let sizes = |(_, param): (String, &nn::Param)| match param.role() {
            Role::Buffer => 0,
            _ => param.value().numel(),
        };
        let [version, rustc] = self.versions();
        let (optimizer, schedule) = (self.optimizer.describe(), self.schedule.describe());
        let lines = self.about.lines.clone().unwrap_or_else(|| {
            let above = format!("{}: seed {}, {} threads", self.run_name(), self.seed, nn::threads());
            let elements = format!("data: {} elements in batches of {}", loader.data().len(), loader.batch());
            [vec![above, elements], vec![format!("{optimizer}, learning rate {schedule}, {steps} steps")]]
        });
        let every = if self.sets.is_empty() { self.record_every } else { self.evaluate_every };
        Start {
            name: self.run_name(),
            settings: self.about.notes.clone(),
            steps,
            test_every: every,
            record_every: self.record_every,
            parameters: self.model.params().into_iter().map(sizes).sum(),
            optimizer,
            schedule,
            threads: nn::threads(),
            simd: nn::simd_level().to_string(),
            version,
            rustc,
            sets: self.sets.iter().map(|set| set.name.clone()).collect(),
            panels: self.about.panels.clone().unwrap_or_else(|| self.default_panels()),
            watched: self.watched.clone(),
            lines,
        }
    }

    /// The run's name.
    fn run_name(&self) -> String {
        let folder = match &self.place {
            Place::Nowhere => None,
            Place::Path(path) => path.file_name(),
            Place::Opened(folder) => folder.path().and_then(|path| path.file_name()),
        };
        let folder = folder.map(|name| name.to_string_lossy().into_owned());
        self.about.name.clone().or(folder).unwrap_or_else(|| "training".to_owned())
    }

    /// Of the program and of the compiler that built it.
    pub(super) fn versions(&self) -> [String; 2] {
        let own = || [env!("CARGO_PKG_VERSION").to_owned(), env!("RUSTC_VERSION").to_owned()];
        self.about.version.clone().unwrap_or_else(own)
    }

    fn default_panels(&self) -> Vec<Panel> {
        let names = self.value_names();
        let curves = names.map(|name| Panel::Curve(Curve::of(name)));
        let own = self.sources.iter().flat_map(|source| source.panels());
        curves.chain([Panel::Bands(0), Panel::Bands(1)]).chain(own).collect()
    }

    /// The model's layers and the graph of a training step on the first batch, for those who watch.
    pub(super) fn view_of_model<D: Dataset + 'static>(
        &self,
        loader: &Loader<D>,
    ) -> Result<Option<ModelView>, TrainError> {
        if self.about.view.is_some() || self.is_alone() {
            return Ok(self.about.view.clone());
        }
        let inputs = parts::<N>(loader.first()?.tensors)?;
        let graph = Graph::training(self.seed, 0);
        let values = (self.step)(&self.model, inputs.each_ref().map(|input| graph.input(input.clone())));
        let table = Summary::of(&graph, &self.model).to_string();
        values[0].backward();
        graph.name_params(&self.model);
        let names: Vec<String> = (0..N).map(|i| format!("input {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(Some(ModelView { table, graph: dataflow(&graph, &names, &self.names[0]) }))
    }

    /// Whether nobody watches.
    pub(super) fn is_alone(&self) -> bool {
        self.history.is_none() && self.observers.is_empty() && matches!(self.place, Place::Nowhere)
    }

    /// Leaves the records as a table, the report and the figure in the run's folder.
    pub(super) fn keep_pictures(&mut self) {
        let Some(path) = self.path().filter(|_| self.pictures) else { return };
        let records = recorded(path).map(|(_, events)| {
            let record = |event: &Arc<Event>| match &**event {
                Event::Step(record) => Some(record.clone()),
                _ => None,
            };
            events.iter().filter_map(record).collect::<Vec<Record>>()
        });
        #[cfg(feature = "figures")]
        let events = self.events();
        let Place::Opened(folder) = &mut self.place else { return };
        let table = records.map(|records| csv(&records)).unwrap_or_default();
        #[cfg(feature = "page")]
        let report = crate::show::report(&events, &self.views);
        #[cfg(feature = "figures")]
        let (svg, png) = crate::show::figure(&events, &self.views);
        folder.keep(&[
            (files::TABLE, table.as_bytes()),
            #[cfg(feature = "page")]
            (files::REPORT, report.as_bytes()),
            #[cfg(feature = "figures")]
            (files::FIGURE[0], svg.as_bytes()),
            #[cfg(feature = "figures")]
            (files::FIGURE[1], &png),
        ]);
    }

    /// Finds out before a long training whether the movie can be made.
    #[cfg(feature = "movie")]
    pub(super) fn check_movie(&self) -> Result<(), TrainError> {
        let Some(file) = &self.movie else { return Ok(()) };
        crate::show::can_write_movie(file).map_err(|error| TrainError::Movie { file: file.clone(), error })
    }

    #[cfg(feature = "movie")]
    pub(super) fn write_movie(&self) -> Result<(), TrainError> {
        let Some(file) = &self.movie else { return Ok(()) };
        crate::show::write_movie(&self.events(), &self.views, file)
            .map(drop)
            .map_err(|error| TrainError::Movie { file: file.clone(), error })
    }
}
