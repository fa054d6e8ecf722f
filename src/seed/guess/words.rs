//! Word lists by topic, which makers name in their plans: those of the crate `fake` and short own ones.
//!
//! Only the constant tables of `fake` are used, so values depend on nothing but the row. The crate's version is
//! pinned; a list that changes is a new [`crate::seed::ALGORITHM`]. All words are ASCII, so that every server
//! encoding holds them.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use fake::locales::{Data, EN};

use super::places;

/// A word as makers copy it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    pub(crate) text: &'static str,
    /// The first bytes: a copy of so many, whatever the word's length, is foreseen by the processor. One of any length is not.
    pub(crate) head: [u8; HEAD_BYTES],
}

/// Two words of a list, each with a blank before it, as they follow others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) bytes: [u8; PAIR_BYTES],
    pub(crate) n_bytes: u8,
}

/// Nearly all words are shorter.
pub(crate) const HEAD_BYTES: usize = 16;
/// Two of the longest words that prose is made of have room.
const PAIR_BYTES: usize = 31;
/// Pairs of so many words stay in the second cache.
const MAX_PAIRS: usize = 4_096;

/// A list in the forms that makers take.
#[derive(Default)]
struct Forms {
    words: Vec<Word>,
    pairs: OnceLock<Vec<Pair>>,
}

static FORMS: LazyLock<HashMap<&str, Forms>> = LazyLock::new(|| {
    let forms = |list: &[&'static str]| Forms { words: list.iter().map(word).collect(), ..Forms::default() };
    LISTS.iter().map(|(name, list)| (*name, forms(list))).collect()
});

/// Returns the list of that name for makers; the empty one as [`list`] does.
pub(crate) fn words(name: &str) -> &'static [Word] {
    FORMS.get(name).map_or(&[], |forms| &forms.words)
}

/// Returns pairs of different words of a list, in which all words are alike often; none if there are words for which a pair has no
/// room, or too many words.
pub(crate) fn pairs(name: &str) -> &'static [Pair] {
    FORMS.get(name).map_or(&[], |forms| forms.pairs.get_or_init(|| pairs_of(list(name))))
}

fn word(text: &&'static str) -> Word {
    let mut head = [0; HEAD_BYTES];
    head.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    Word { text, head }
}

fn pairs_of(list: &[&str]) -> Vec<Pair> {
    let n_others = list.len().saturating_sub(1);
    // Each word goes before so many others, which are evenly spread over the list.
    let n_each = (MAX_PAIRS / list.len().max(1)).min(n_others);
    let pair = |first: usize, number: usize| {
        let second = (first + 1 + number * n_others / n_each) % list.len();
        let text = [" ", list[first], " ", list[second]].concat();
        let mut bytes = [0; PAIR_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Pair { bytes, n_bytes: u8::try_from(text.len()).ok()? })
    };
    let pairs = (0..list.len()).flat_map(|first| (0..n_each).map(move |number| (first, number)));
    pairs.map(|(first, number)| pair(first, number)).collect::<Option<_>>().unwrap_or_default()
}

/// Returns the list of that name, which is empty for a name that is not in [`LISTS`].
pub(crate) fn list(name: &str) -> &'static [&'static str] {
    LISTS.binary_search_by_key(&name, |(listed, _)| listed).map_or(&[], |place| LISTS[place].1)
}

/// Every list with its name, sorted by name.
#[rustfmt::skip]
pub(crate) const LISTS: &[(&str, &[&str])] = &[
    ("action", ACTION),
    ("bank", BANK),
    ("browser", &["Chrome", "Safari", "Firefox", "Edge", "Opera", "Samsung Internet"]),
    ("business_adjective", EN::COMPANY_BS_ADJ),
    ("business_noun", EN::COMPANY_BS_NOUNS),
    ("business_verb", EN::COMPANY_BS_VERBS),
    ("buzzword", EN::COMPANY_BUZZWORD_HEAD),
    ("buzzword_middle", EN::COMPANY_BUZZWORD_MIDDLE),
    ("buzzword_tail", EN::COMPANY_BUZZWORD_TAIL),
    ("card_brand", &["visa", "mastercard", "amex", "discover", "jcb", "diners"]),
    ("carrier", &["DHL", "UPS", "FedEx", "USPS", "DPD", "GLS", "Hermes", "TNT"]),
    ("category", CATEGORY),
    ("channel", &["web", "mobile", "email", "phone", "store", "api", "partner", "chat"]),
    ("city", CITY),
    ("color", COLOR),
    ("company_suffix", EN::COMPANY_SUFFIX),
    ("continent", &["Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America"]),
    ("country", EN::ADDRESS_COUNTRY),
    ("country_code", EN::ADDRESS_COUNTRY_CODE),
    ("currency_code", &[
        "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "CNY", "INR", "BRL", "SEK", "NOK", "DKK", "PLN",
        "MXN", "NZD", "SGD", "HKD", "KRW", "ZAR", "TRY", "CZK",
    ]),
    ("currency_name", EN::CURRENCY_NAME),
    ("database", &[
        "postgres", "app", "analytics", "billing", "inventory", "reporting", "staging", "warehouse",
    ]),
    ("day", &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
    ("department", DEPARTMENT),
    ("device", &["desktop", "mobile", "tablet", "tv", "watch", "console"]),
    ("domain_suffix", EN::INTERNET_DOMAIN_SUFFIX),
    ("email_provider", &["example.com", "example.net", "example.org"]),
    ("environment", &["production", "staging", "development", "test"]),
    ("event", EVENT),
    ("file_extension", &["pdf", "jpg", "png", "csv", "txt", "docx", "xlsx", "zip", "mp4", "json"]),
    ("first_name", EN::NAME_FIRST_NAME),
    ("frequency", &["daily", "weekly", "monthly", "quarterly", "yearly", "once"]),
    ("gender", &["female", "male", "other"]),
    ("genre", GENRE),
    ("http_method", &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    ("industry", EN::COMPANY_INDUSTRY),
    ("ingredient", INGREDIENT),
    ("instrument", &[
        "piano", "guitar", "violin", "drums", "bass", "flute", "cello", "trumpet", "vocals", "organ",
        "harp",
    ]),
    ("job_field", EN::JOB_FIELD),
    ("job_position", EN::JOB_POSITION),
    ("job_seniority", EN::JOB_SENIORITY),
    ("language", LANGUAGE),
    ("language_code", &[
        "en", "es", "de", "fr", "pt", "it", "nl", "ja", "zh", "ko", "ru", "pl", "sv", "tr", "ar", "hi",
        "cs", "da", "fi", "no",
    ]),
    ("last_name", EN::NAME_LAST_NAME),
    ("license", &[
        "MIT", "Apache-2.0", "GPL-3.0", "BSD-3-Clause", "LGPL-2.1", "MPL-2.0", "ISC", "Unlicense",
    ]),
    ("locale", &[
        "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "nl_NL", "ja_JP", "zh_CN", "ko_KR",
        "sv_SE",
    ]),
    ("log_level", &["info", "warning", "error", "debug", "notice", "critical"]),
    ("lorem", EN::LOREM_WORD),
    ("manufacturer", MANUFACTURER),
    ("marital_status", &["single", "married", "divorced", "widowed"]),
    ("material", &[
        "Cotton", "Wooden", "Steel", "Granite", "Plastic", "Leather", "Silk", "Rubber", "Bronze", "Marble",
        "Wool",
    ]),
    ("mime_type", MIME_TYPE),
    ("month", &[
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
        "November", "December",
    ]),
    ("name_suffix", EN::NAME_SUFFIX),
    ("name_title", EN::NAME_TITLE),
    ("os", &["Windows", "macOS", "Linux", "Android", "iOS", "ChromeOS"]),
    ("payment_method", &[
        "card", "paypal", "bank_transfer", "invoice", "apple_pay", "google_pay", "cash", "gift_card",
    ]),
    ("permission", &[
        "read", "write", "delete", "create", "update", "list", "share", "export", "approve", "manage",
    ]),
    ("place_city", &places::CITIES),
    ("place_country", &places::COUNTRIES),
    ("place_country_code", &places::COUNTRY_CODES),
    ("place_state", &places::STATES),
    ("place_state_code", &places::STATE_CODES),
    ("place_zip", &places::ZIPS),
    ("plan", &["free", "basic", "standard", "premium", "pro", "team", "business", "enterprise"]),
    ("platform", &["web", "ios", "android", "windows", "macos", "linux"]),
    ("priority", &["normal", "low", "high", "urgent"]),
    ("product_adjective", PRODUCT_ADJECTIVE),
    ("product_noun", PRODUCT_NOUN),
    ("profession", EN::COMPANY_PROFESSION),
    ("protocol", &["https", "http", "ssh", "ftp", "tcp", "udp", "smtp", "imap"]),
    ("provider", &["google", "github", "facebook", "apple", "microsoft", "gitlab", "slack", "twitter"]),
    ("queue", &["default", "mailers", "low", "high", "critical", "scheduled", "imports", "exports"]),
    ("reaction", &["like", "love", "laugh", "wow", "sad", "angry", "celebrate"]),
    ("region", &[
        "us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1", "ap-northeast-1", "sa-east-1",
    ]),
    ("role", &[
        "user", "member", "editor", "viewer", "admin", "owner", "guest", "moderator", "manager", "support",
    ]),
    ("setting", SETTING),
    ("severity", &["low", "medium", "high", "critical", "info"]),
    ("size", &["S", "M", "L", "XL", "XS", "XXL"]),
    ("source", &[
        "organic", "direct", "referral", "google", "newsletter", "facebook", "partner", "import",
    ]),
    ("species", &[
        "dog", "cat", "rabbit", "horse", "parrot", "hamster", "turtle", "goldfish", "snake", "ferret",
    ]),
    ("sport", &[
        "football", "tennis", "basketball", "running", "cycling", "swimming", "hockey", "golf", "rowing",
        "climbing",
    ]),
    ("state", EN::ADDRESS_STATE),
    ("state_code", EN::ADDRESS_STATE_ABBR),
    ("status", &[
        "active", "pending", "completed", "inactive", "cancelled", "failed", "archived", "draft",
    ]),
    ("street_suffix", EN::ADDRESS_STREET_SUFFIX),
    ("table", &[
        "users", "orders", "products", "invoices", "comments", "sessions", "accounts", "events",
        "payments",
    ]),
    ("tag", WORD),
    ("team", &[
        "Platform", "Growth", "Payments", "Search", "Mobile", "Data", "Security", "Support", "Design",
        "Core",
    ]),
    ("timezone", EN::ADDRESS_TIME_ZONE),
    ("topic", TOPIC),
    ("type", &[
        "standard", "default", "custom", "internal", "external", "basic", "advanced", "system",
    ]),
    ("unit", &["piece", "kg", "g", "l", "ml", "m", "cm", "box", "pack", "hour"]),
    ("user_agent", EN::INTERNET_USER_AGENT),
    ("visibility", &["public", "private", "internal", "unlisted"]),
    ("weather", &["sunny", "cloudy", "rain", "snow", "windy", "fog", "storm"]),
    ("word", WORD),
];

// One word a line, as rustfmt would have it, makes these lists unreadable.

#[rustfmt::skip]
const ACTION: &[&str] = &[
    "create", "update", "delete", "login", "logout", "view", "download", "upload", "share", "invite",
    "export", "import", "archive", "restore", "approve", "reject",
];

#[rustfmt::skip]
const BANK: &[&str] = &[
    "First National Bank", "City Savings", "Harbor Trust", "Northern Credit Union", "Union Bank",
    "Summit Bank", "Metro Savings", "Coastal Bank", "Heritage Trust", "Pioneer Bank",
];

#[rustfmt::skip]
const CATEGORY: &[&str] = &[
    "Books", "Electronics", "Clothing", "Home", "Garden", "Sports", "Toys", "Music", "Health", "Beauty",
    "Grocery", "Automotive", "Outdoors", "Office", "Games", "Movies", "Baby", "Pets", "Tools", "Jewelry",
    "Shoes", "Travel", "Art", "Kitchen",
];

#[rustfmt::skip]
const CITY: &[&str] = &[
    "London", "New York", "Paris", "Berlin", "Tokyo", "Madrid", "Rome", "Vienna", "Amsterdam", "Stockholm",
    "Copenhagen", "Oslo", "Helsinki", "Dublin", "Lisbon", "Prague", "Warsaw", "Budapest", "Athens",
    "Brussels", "Hamburg", "Munich", "Milan", "Barcelona", "Lyon", "Manchester", "Glasgow", "Chicago",
    "Boston", "Seattle", "Austin", "Denver", "Portland", "Miami", "Atlanta", "Dallas", "Houston",
    "Phoenix", "San Francisco", "Los Angeles", "San Diego", "Toronto", "Montreal", "Vancouver",
    "Mexico City", "Bogota", "Lima", "Santiago", "Buenos Aires", "Rio de Janeiro", "Cape Town", "Nairobi",
    "Lagos", "Cairo", "Accra", "Casablanca", "Istanbul", "Dubai", "Mumbai", "Delhi", "Bangalore",
    "Karachi", "Dhaka", "Bangkok", "Hanoi", "Jakarta", "Manila", "Singapore", "Hong Kong", "Shanghai",
    "Beijing", "Taipei", "Seoul", "Osaka", "Kyoto", "Sydney", "Melbourne", "Brisbane", "Perth", "Auckland",
    "Wellington",
];

#[rustfmt::skip]
const COLOR: &[&str] = &[
    "red", "blue", "green", "black", "white", "yellow", "orange", "purple", "pink", "brown", "gray",
    "cyan", "magenta", "teal", "navy", "olive", "maroon", "silver", "gold", "beige", "indigo", "violet",
    "turquoise", "coral",
];

#[rustfmt::skip]
const DEPARTMENT: &[&str] = &[
    "Engineering", "Sales", "Marketing", "Finance", "Human Resources", "Support", "Operations", "Legal",
    "Research", "Purchasing", "Quality Assurance", "Production", "Design", "Logistics", "Security",
    "Administration",
];

#[rustfmt::skip]
const EVENT: &[&str] = &[
    "page_view", "click", "sign_up", "login", "logout", "search", "add_to_cart", "checkout", "purchase",
    "refund", "share", "subscribe", "unsubscribe", "download", "upload", "invite_sent", "password_reset",
    "comment_added", "payment_failed",
];

#[rustfmt::skip]
const GENRE: &[&str] = &[
    "Rock", "Pop", "Jazz", "Classical", "Hip Hop", "Electronic", "Folk", "Blues", "Country", "Metal",
    "Soul", "Reggae", "Drama", "Comedy", "Action", "Thriller", "Documentary", "Horror", "Romance",
    "Fantasy", "Mystery", "Animation",
];

#[rustfmt::skip]
const INGREDIENT: &[&str] = &[
    "flour", "sugar", "butter", "eggs", "milk", "salt", "pepper", "olive oil", "garlic", "onion", "tomato",
    "basil", "cheese", "chicken", "beef", "rice", "potato", "carrot", "lemon", "honey", "cinnamon",
    "vanilla", "spinach", "mushroom",
];

#[rustfmt::skip]
const LANGUAGE: &[&str] = &[
    "English", "Spanish", "German", "French", "Portuguese", "Italian", "Dutch", "Japanese", "Chinese",
    "Korean", "Russian", "Polish", "Swedish", "Turkish", "Arabic", "Hindi", "Czech", "Danish", "Finnish",
    "Norwegian", "Greek", "Hebrew", "Thai",
];

#[rustfmt::skip]
const MANUFACTURER: &[&str] = &[
    "Acme", "Globex", "Initech", "Umbra", "Northwind", "Contoso", "Fabrikam", "Vandelay", "Hooli", "Stark",
    "Wayne", "Tyrell", "Cyberdyne", "Aperture", "Wonka", "Soylent",
];

#[rustfmt::skip]
const MIME_TYPE: &[&str] = &[
    "image/jpeg", "image/png", "application/pdf", "text/plain", "application/json", "text/html",
    "text/csv", "image/gif", "video/mp4", "audio/mpeg", "application/zip", "image/webp",
    "application/octet-stream",
];

#[rustfmt::skip]
const PRODUCT_ADJECTIVE: &[&str] = &[
    "Small", "Ergonomic", "Rustic", "Intelligent", "Gorgeous", "Incredible", "Fantastic", "Practical",
    "Sleek", "Awesome", "Enormous", "Mediocre", "Synergistic", "Heavy Duty", "Lightweight", "Durable",
    "Handmade", "Refined", "Modern", "Classic", "Compact", "Portable", "Deluxe", "Elegant", "Vintage",
];

#[rustfmt::skip]
const PRODUCT_NOUN: &[&str] = &[
    "Chair", "Car", "Computer", "Gloves", "Pants", "Shirt", "Table", "Shoes", "Hat", "Plate", "Knife",
    "Bottle", "Coat", "Lamp", "Keyboard", "Bag", "Bench", "Clock", "Watch", "Wallet", "Towels", "Soap",
    "Ball", "Bike", "Mouse", "Mug", "Desk", "Sofa", "Backpack", "Headphones", "Speaker", "Camera",
    "Blanket", "Pillow", "Notebook", "Umbrella",
];

#[rustfmt::skip]
const SETTING: &[&str] = &[
    "theme", "language", "timezone", "notifications", "newsletter", "currency", "date_format", "page_size",
    "two_factor", "session_timeout", "max_upload_size", "maintenance_mode", "default_role", "smtp_host",
    "api_rate_limit",
];

#[rustfmt::skip]
const TOPIC: &[&str] = &[
    "technology", "science", "politics", "sports", "music", "travel", "food", "health", "business",
    "education", "fashion", "history", "art", "gaming", "finance", "nature", "photography", "programming",
    "design", "books", "movies", "parenting",
];

#[rustfmt::skip]
const WORD: &[&str] = &[
    "account", "action", "amber", "anchor", "apple", "archive", "arrow", "atlas", "autumn", "balance",
    "basic", "beacon", "bird", "blue", "border", "branch", "bridge", "bright", "bronze", "cabin", "canvas",
    "castle", "center", "chain", "circle", "city", "cloud", "coast", "copper", "corner", "craft",
    "crystal", "daily", "dawn", "delta", "desert", "digital", "dream", "eagle", "earth", "echo", "ember",
    "engine", "falcon", "field", "fire", "flag", "forest", "frame", "fresh", "future", "garden", "giant",
    "global", "golden", "grand", "green", "harbor", "hidden", "hill", "horizon", "house", "island",
    "ivory", "jungle", "key", "lake", "laser", "leaf", "level", "light", "lion", "local", "lunar", "maple",
    "market", "meadow", "metal", "mirror", "modern", "moon", "mountain", "north", "ocean", "olive",
    "orange", "orbit", "paper", "pearl", "pilot", "planet", "prime", "quiet", "rapid", "red", "river",
    "robin", "rocket", "royal", "sail", "shadow", "signal", "silent", "silver", "simple", "sky", "smart",
    "solar", "south", "spark", "spring", "square", "star", "steel", "stone", "storm", "stream", "summer",
    "summit", "sunny", "swift", "tiger", "timber", "tower", "trail", "urban", "valley", "velvet", "violet",
    "vital", "water", "west", "white", "wild", "wind", "winter", "wolf", "wonder", "yellow", "zebra",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_by_name_and_found() {
        assert!(LISTS.is_sorted_by(|(a, _), (b, _)| a < b), "sorted, each name once");
        for (name, words) in LISTS {
            assert_eq!(list(name), *words);
            assert!(super::words(name).iter().map(|word| word.text).eq(words.iter().copied()));
        }
        assert_eq!(list("nothing"), [""; 0]);
    }

    #[test]
    fn pairs_have_all_words_alike_often() {
        for name in ["lorem", "word", "priority"] {
            let mut counts = HashMap::<String, [u32; 2]>::new();
            for pair in pairs(name) {
                let text = std::str::from_utf8(&pair.bytes[..pair.n_bytes.into()]).unwrap();
                let (first, second) = text.strip_prefix(' ').and_then(|words| words.split_once(' ')).unwrap();
                counts.entry(first.to_owned()).or_default()[0] += 1;
                counts.entry(second.to_owned()).or_default()[1] += 1;
            }
            let n_each =
                |word: &str| u32::try_from(list(name).iter().filter(|of| **of == word).count()).unwrap();
            let n_before = pairs(name).len() / list(name).len();
            for (word, counts) in counts {
                let expected = n_each(&word) * u32::try_from(n_before).unwrap();
                assert_eq!(counts, [expected; 2], "{name}: {word}");
            }
        }
        assert_eq!(pairs("priority").len(), 12, "each with each of four");
        // Nothing is cut.
        assert!(pairs("user_agent").is_empty());
        assert!(pairs("nothing").is_empty());
    }

    #[test]
    fn every_list_has_words_in_ascii() {
        for (name, words) in LISTS {
            assert!(words.len() > 2, "{name}");
            for word in *words {
                assert!(!word.is_empty() && word.trim() == *word, "{name}: {word}");
                assert!(word.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{name}: {word}");
            }
        }
    }
}
