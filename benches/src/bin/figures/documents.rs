//! Figures in documents: between `<!--=NAME-->` and `<!--/-->` stands what NAME has come to.

const END: &str = "<!--/-->";

/// The document with each figure as `value` gives it by its name.
///
/// # Errors
/// If a name is unknown, a marker has no end or begins a line, or a test accuracy stands outside of markers.
pub(crate) fn fill(text: &str, value: &dyn Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, marked)) = rest.split_once("<!--=") {
        nothing_typed(before)?;
        filled += before;
        let (name, after) = marked.split_once("-->").ok_or("a marker has no end")?;
        let line = filled.rsplit('\n').next().unwrap_or_default();
        if line.trim_matches([' ', '-', '>']).is_empty() {
            return Err(format!(
                "<!--={name}--> begins a line, of which Markdown would then make HTML; put a word before it"
            ));
        }
        let (old, next) = after.split_once(END).ok_or_else(|| format!("there is no {END} after {name}"))?;
        if old.contains("<!--") {
            return Err(format!("there is no {END} after {name}"));
        }
        filled += &format!("<!--={name}-->{}{END}", value(name)?);
        rest = next;
    }
    nothing_typed(rest)?;
    Ok(filled + rest)
}

/// Refuses an accuracy that no command has written.
fn nothing_typed(text: &str) -> Result<(), String> {
    for (at, start) in text.match_indices("0.9") {
        let digits: String =
            text[at + start.len()..].chars().take_while(char::is_ascii_digit).take(3).collect();
        if digits.len() == 3 {
            return Err(format!(
                "the accuracy {start}{digits} is typed by hand; name it: <!--=MODEL.final-->{END}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_length(name: &str) -> Result<String, String> {
        if name == "?" { Err(format!("unknown: {name}")) } else { Ok(name.len().to_string()) }
    }

    #[test]
    fn figures_are_replaced_and_replaced_again() {
        let text = "One **<!--=abc--><!--/-->** and\ntwo (<!--=de-->7<!--/-->).\n";
        let filled = "One **<!--=abc-->3<!--/-->** and\ntwo (<!--=de-->2<!--/-->).\n";
        assert_eq!(fill(text, &by_length).unwrap(), filled);
        assert_eq!(fill(filled, &by_length).unwrap(), filled);
    }

    #[test]
    fn what_cannot_be_filled_in_is_said() {
        let error = |text: &str| fill(text, &by_length).unwrap_err();
        assert_eq!(error("a <!--=?-->1<!--/-->"), "unknown: ?");
        assert!(error("a <!--=abc-->1 and <!--=de-->2<!--/-->").contains("no <!--/--> after abc"));
        assert!(error("a <!--=abc-->1").contains("no <!--/--> after abc"));
        assert!(error("a\n<!--=abc-->1<!--/-->").contains("begins a line"));
        assert!(error("- <!--=abc-->1<!--/-->").contains("begins a line"));
    }

    #[test]
    fn accuracies_typed_by_hand_are_refused() {
        assert!(fill("it reads 0.9824", &by_length).unwrap_err().contains("0.9824"));
        assert!(fill("<b><!--=abc-->0.9824<!--/-->, 0.9831", &by_length).unwrap_err().contains("0.9831"));
        assert!(fill("decay 0.998, rate 0.0001, 0.99, (<!--=abc-->0.9824<!--/-->)", &by_length).is_ok());
    }
}
