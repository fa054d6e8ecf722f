//! What the place that output goes to can show.

use colored::Colorize;

/// Colors and width of one output stream.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) color: bool,
    /// Whether somebody reads along: bars, wrapped cells, rules under headers.
    pub(crate) terminal: bool,
    /// Columns.
    pub(crate) width: usize,
}

macro_rules! paint {
    ($($name:ident => |$text:ident| $painted:expr),* $(,)?) => {
        $(pub(crate) fn $name(&self, $text: &str) -> String {
            if self.color { $painted.to_string() } else { $text.to_owned() }
        })*
    };
}

impl Style {
    /// No color, no terminal, as in a file.
    pub(crate) const PLAIN: Self = Self { color: false, terminal: false, width: 80 };

    paint! {
        bold => |text| text.bold(),
        dim => |text| text.dimmed(),
        red => |text| text.red().bold(),
        yellow => |text| text.yellow(),
        green => |text| text.green(),
        cyan => |text| text.cyan(),
    }
}

/// Returns how many columns a text takes, without the escape sequences that color it.
pub(super) fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut is_escape = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => is_escape = true,
            'm' if is_escape => is_escape = false,
            _ if is_escape => {}
            _ => width += 1,
        }
    }
    width
}
