//! The page, put together from its parts into one file that loads nothing else.

use crate::show::view::Views;
use crate::watch::Event;
use serde_json::{Map, Value};
use std::sync::Arc;

const SCRIPTS: [&str; 4] =
    [include_str!("state.js"), include_str!("charts.js"), include_str!("own.js"), include_str!("page.js")];

/// The page that follows a run. The parts of the views by which a model is asked can be seen if somebody `answers`. With `token` the page
/// proves that it is the one that this program has given out.
pub(crate) fn page(views: &Views, answers: bool, token: &str) -> String {
    // Scripts know them, so they are there in any case.
    let parts = |which: usize| -> String {
        let all: String = views.iter().map(|view| view.parts()[which]).collect();
        all.replace(" data-asks", if answers { "" } else { " hidden" })
    };
    let own: String = views.iter().map(|view| view.script()).collect();
    let [state, charts, common, last] = SCRIPTS;
    include_str!("page.html")
        .replace("/*token*/", token)
        .replace("<!--parts-->", &format!("<div id=\"parts\">{}</div>", parts(0)))
        .replace("<!--keys-->", &parts(1))
        .replace("/*style*/", include_str!("style.css"))
        .replace("/*script*/", &[state, charts, common, &own, last].concat())
}

/// The page with a whole run in it, to be opened from a file.
pub fn report(events: &[Arc<Event>], views: &Views) -> String {
    let mut kept = events.to_vec();
    let mut recorded = Map::new();
    for view in views {
        recorded.extend(view.embed(&mut kept));
    }
    let events: Vec<&Event> = kept.iter().map(|event| &**event).collect();
    let mut text = format!("{{\"events\":{}", serde_json::to_string(&events).expect("plain fields"));
    recorded.iter().for_each(|(name, value)| text += &format!(",{}:{value}", Value::from(name.as_str())));
    text.push('}');
    // Nothing in it can end the script element then.
    page(views, false, "").replace(">null</script>", &format!(">{}</script>", text.replace('<', "\\u003c")))
}
