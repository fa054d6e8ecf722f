//! The variables of all scripts of a run: each has a number.

/// The names of variables, and where they are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    /// What `\gset` and `\aset` put before the names of columns.
    prefixes: Vec<String>,
    /// The uses in one script: the variable and the byte.
    uses: Vec<(usize, usize)>,
}

#[derive(Clone, Debug)]
struct Name {
    text: String,
    /// Whether something other than a result sets it.
    is_set: bool,
}

impl Names {
    /// Returns the number of a variable.
    pub(super) fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.names.iter().position(|known| known.text == name) {
            return number;
        }
        self.names.push(Name { text: name.to_owned(), is_set: false });
        self.names.len() - 1
    }

    /// Returns the number of a variable that must have a value at this byte of the script.
    pub(super) fn used(&mut self, name: &str, at: usize) -> usize {
        let number = self.number(name);
        self.uses.push((number, at));
        number
    }

    /// Returns the number of a variable that a command or an option sets.
    pub(super) fn set(&mut self, name: &str) -> usize {
        let number = self.number(name);
        self.names[number].is_set = true;
        number
    }

    /// Notes that columns of a result are variables.
    pub(super) fn set_by_columns(&mut self, prefix: &str) {
        self.prefixes.push(prefix.to_owned());
    }

    /// Returns the columns of a result that are variables with this prefix.
    pub(super) fn of_columns(&self, prefix: &str) -> Vec<super::Assigned> {
        let numbered = self.names.iter().enumerate();
        numbered
            .filter_map(|(variable, name)| {
                let column = name.text.strip_prefix(prefix)?.to_owned();
                Some(super::Assigned { column, variable })
            })
            .collect()
    }

    /// Whether the variable may ever have a value.
    pub(super) fn can_be_set(&self, number: usize) -> bool {
        let name = &self.names[number];
        name.is_set || self.prefixes.iter().any(|prefix| name.text.starts_with(prefix.as_str()))
    }

    /// Takes the uses in the script that was read.
    pub(super) fn take_uses(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.uses)
    }

    pub(crate) fn text(&self, number: usize) -> &str {
        &self.names[number].text
    }

    pub(super) fn of_set(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter(|name| name.is_set).map(|name| name.text.as_str())
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}
