//! Results to text: a command builds one [`Document`], which renders to every format.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod budget;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod counter;
pub(crate) mod diff;
pub(crate) mod explain;
mod html;
pub(crate) mod index;
pub(crate) mod junit;
pub(crate) mod pagination;
pub(crate) mod results;
pub(crate) mod sarif;
pub(crate) mod seed;
mod style;
mod table;
mod verification;
pub(crate) mod workload;

use std::path::Path;

use serde::Serialize;

pub(crate) use style::Style;
pub(crate) use table::{Align, Table};

/// The version of every JSON document; it rises when a key changes its meaning or goes away.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The format of a command's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Markdown,
    Csv,
    Html,
    Sql,
    Junit,
    Sarif,
    /// Stacks for flame graph tools.
    Folded,
}

/// Each format by the ending of its files.
const FORMATS: [(&str, Format); 9] = [
    ("json", Format::Json),
    ("md", Format::Markdown),
    ("html", Format::Html),
    ("csv", Format::Csv),
    ("sql", Format::Sql),
    ("xml", Format::Junit),
    ("sarif", Format::Sarif),
    ("folded", Format::Folded),
    ("txt", Format::Text),
];

impl Format {
    /// Returns the format that a file's ending stands for.
    pub(crate) fn from_path(path: &Path) -> Result<Self, String> {
        let ending = path.extension().and_then(|extension| extension.to_str());
        FORMATS.iter().find(|(known, _)| ending == Some(known)).map(|(_, format)| *format).ok_or_else(|| {
            let known: Vec<String> = FORMATS.iter().map(|(ending, _)| format!(".{ending}")).collect();
            format!(
                "cannot tell the format of output file {:?} from its ending; known are {}",
                path.display(),
                known.join(" ")
            )
        })
    }

    fn ending(self) -> &'static str {
        FORMATS.iter().find(|(_, format)| *format == self).map_or("", |(ending, _)| ending)
    }
}

/// A command's whole result, before it has a format.
pub(crate) struct Document<'a> {
    blocks: Vec<Block>,
    json: Json<'a>,
    /// The formats that only some commands have, or that one writes in its own way; written when they are asked for.
    forms: Vec<(Format, Form<'a>)>,
    /// The title of the page, for commands that have one.
    html_title: Option<String>,
}

/// Writes the JSON form, in lines or as short as it gets.
type Json<'a> = Box<dyn Fn(Layout) -> String + 'a>;
type Form<'a> = Box<dyn Fn() -> String + 'a>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Lines,
    Compact,
}

enum Block {
    Heading(String),
    Text(String),
    Table(Table),
    /// The same said for a terminal and in Markdown.
    Prose {
        text: String,
        markdown: String,
    },
    /// A table for those who want more: Markdown shows it, the terminal does not.
    Appendix(String, Table),
}

impl<'a> Document<'a> {
    /// Starts a document from its JSON form.
    pub(crate) fn new(json: impl Serialize + 'a) -> Self {
        let json = move |layout| match layout {
            Layout::Lines => serde_json::to_string_pretty(&json),
            Layout::Compact => serde_json::to_string(&json),
        };
        Self {
            blocks: Vec::new(),
            json: Box::new(move |layout| json(layout).expect("reports have text for keys")),
            forms: Vec::new(),
            html_title: None,
        }
    }

    #[must_use]
    pub(crate) fn heading(mut self, heading: impl Into<String>) -> Self {
        self.blocks.push(Block::Heading(heading.into()));
        self
    }

    /// Adds text that is already laid out, line by line.
    #[must_use]
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    #[must_use]
    pub(crate) fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Adds text that reads otherwise in Markdown.
    #[must_use]
    pub(crate) fn prose(mut self, text: impl Into<String>, markdown: impl Into<String>) -> Self {
        self.blocks.push(Block::Prose { text: text.into(), markdown: markdown.into() });
        self
    }

    /// Adds a table that a terminal has no room for.
    #[must_use]
    pub(crate) fn appendix(mut self, heading: impl Into<String>, table: Table) -> Self {
        self.blocks.push(Block::Appendix(heading.into(), table));
        self
    }

    /// Adds a form that not every command has, such as SQL or SARIF, or that this one writes in its own way.
    #[must_use]
    pub(crate) fn form(mut self, format: Format, write: impl Fn() -> String + 'a) -> Self {
        self.forms.push((format, Box::new(write)));
        self
    }

    /// Makes the document one that has an HTML page, with this title.
    #[must_use]
    pub(crate) fn html(mut self, title: impl Into<String>) -> Self {
        self.html_title = Some(title.into());
        self
    }

    /// Adds the table for CSV, where it is another than the first of the text.
    #[must_use]
    pub(crate) fn csv(self, table: impl Fn() -> Table + 'a) -> Self {
        self.form(Format::Csv, move || table().to_csv())
    }

    /// Appends the blocks of another document.
    #[must_use]
    pub(crate) fn append(mut self, other: Document<'_>) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// Returns the document in `format`, or what this document lacks for it.
    pub(crate) fn render(&self, format: Format, style: &Style) -> Result<String, String> {
        if let Some((_, write)) = self.forms.iter().find(|(known, _)| *known == format) {
            return Ok(write());
        }
        match format {
            Format::Json => Ok((self.json)(Layout::Lines) + "\n"),
            Format::Html => {
                let title = self.html_title.as_ref().ok_or_else(|| lacks(format))?;
                let text = self.render(Format::Text, &Style::PLAIN)?;
                Ok(html::page(title, &(self.json)(Layout::Compact), &text))
            }
            Format::Csv => {
                let first_table = self.blocks.iter().find_map(|block| match block {
                    Block::Table(table) => Some(table.to_csv()),
                    _ => None,
                });
                first_table.ok_or_else(|| lacks(format))
            }
            Format::Sql | Format::Junit | Format::Sarif | Format::Folded => Err(lacks(format)),
            Format::Markdown => Ok(self.join(|block| match block {
                Block::Heading(heading) => format!("## {heading}\n"),
                Block::Text(text) => format!("```text\n{}\n```\n", text.trim_end()),
                Block::Table(table) => table.to_markdown(),
                Block::Prose { markdown, .. } => format!("{}\n", markdown.trim_end()),
                Block::Appendix(heading, table) => format!("### {heading}\n\n{}", table.to_markdown()),
            })),
            Format::Text => Ok(self.join(|block| match block {
                Block::Heading(heading) => format!("{}\n", style.bold(heading)),
                Block::Text(text) | Block::Prose { text, .. } => format!("{}\n", text.trim_end()),
                Block::Table(table) => table.to_text(style),
                Block::Appendix(..) => String::new(),
            })),
        }
    }

    /// Joins the blocks with blank lines between them; a heading stays with what follows it.
    fn join(&self, render: impl Fn(&Block) -> String) -> String {
        let mut text = String::new();
        let mut follows_heading = true;
        for block in &self.blocks {
            let rendered = render(block);
            if rendered.is_empty() {
                continue;
            }
            if !follows_heading {
                text.push('\n');
            }
            text.push_str(&rendered);
            follows_heading = matches!(block, Block::Heading(_));
        }
        text
    }
}

fn lacks(format: Format) -> String {
    format!("this command has no .{} form; use .json or .md", format.ending())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Document<'static> {
        let mut table = Table::new([("table", Align::Left), ("rows", Align::Right)]);
        table.row(["users", "100"]);
        table.row(["a|b", "5"]);
        Document::new(json!({"schema_version": 1})).heading("Rows").table(table).text("done")
    }

    fn check(format: Format, expected: &str) {
        assert_eq!(document().render(format, &Style::PLAIN).unwrap(), expected);
    }

    #[test]
    fn renders_text() {
        check(Format::Text, "Rows\ntable  rows\nusers   100\na|b       5\n\ndone\n");
    }

    #[test]
    fn renders_markdown_with_escaped_bars() {
        check(
            Format::Markdown,
            "## Rows\n| table | rows |\n| --- | ---: |\n| users | 100 |\n| a\\|b | 5 |\n\n```text\ndone\n```\n",
        );
    }

    #[test]
    fn renders_csv() {
        check(Format::Csv, "table,rows\nusers,100\na|b,5\n");
    }

    #[test]
    fn refuses_a_format_the_document_lacks() {
        for format in [Format::Sql, Format::Junit, Format::Sarif] {
            assert!(document().render(format, &Style::PLAIN).is_err());
        }
        assert!(Format::from_path(Path::new("x.pdf")).is_err());
    }
}
