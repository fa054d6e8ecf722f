//! Tests of guesses: what names are known as, and that all values are within the limits of their types.

use proptest::prelude::*;

use super::*;
use crate::seed::make::lane::Cells;
use crate::seed::make::{Cut, Derived, Maker};
use crate::seed::schema::types::{TextKind, TextType};

pub(crate) fn text_type(max_length: Option<u32>) -> Type {
    let kind = if max_length.is_some() { TextKind::Varchar } else { TextKind::Text };
    Type::Text(TextType { kind, max_length })
}

pub(crate) fn relation(name: &str, fields: &[(&str, Type)]) -> Relation {
    let field = |(name, ty): &(&str, Type)| Field {
        name: (*name).to_owned(),
        ty: ty.clone(),
        type_name: String::new(),
        not_null: false,
        default: None,
        sequence: None,
        is_always_identity: false,
        domain_checks: Vec::new(),
        folds_case: false,
    };
    Relation {
        oid: 1,
        schema: "public".to_owned(),
        name: name.to_owned(),
        fields: fields.iter().map(field).collect(),
        left_out: Vec::new(),
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        partitioning: None,
        triggers: Vec::new(),
        has_row_security: false,
        is_filled: false,
        is_asked: true,
        refusal: None,
    }
}

/// `table.column` and what the look of a text column begins with.
const TEXTS: &str = "
    users.email {first_name.slug}.{last_name.slug}{.!}@ | users.Email {first_name.slug} | users.emailAddress {first_name.slug}
    contacts.work_email {first_name.slug}.{last_name.slug}{.!}@ | users.name {first_name} | customers.name {first_name}
    people.name {first_name} | employees.full_name {first_name} | authors.name {first_name} | companies.name {last_name}
    organizations.name {last_name} | vendors.name {last_name} | tenants.name {last_name} | products.name {product_adjective}
    items.name {product_adjective} | order_items.product_name {product_adjective} | categories.name {category} | tags.name {tag}
    cities.name {city} | countries.name {country} | states.name {state} | languages.name {language} | currencies.name {currency_name}
    roles.name {role} | permissions.name {permission} | teams.name {team} | departments.name {department} | genres.name {genre}
    events.name {event} | files.name {word}-{word} | plans.name {plan} | instruments.name {instrument} | sports.name {sport}
    ingredients.name {ingredient} | colors.name {color} | things.name {buzzword} | x.customer_name {first_name}
    x.company_name {last_name} | x.display_name {first_name} | x.nick_name {first_name} | x.city_name {city} | x.file_name {word}-
    users.first_name {first_name} | users.firstName {first_name} | users.FIRSTNAME {first_name} | users.fname {first_name}
    users.given_name {first_name} | users.last_name {last_name} | users.surname {last_name} | users.username {first_name.slug}
    users.user_name {first_name.slug} | users.login {first_name.slug} | users.phone +1{#10!} | users.phone_number +1{#10!}
    users.mobile +1{#10!} | users.fax +1{#10!} | users.phone1 +1{#10!} | users.gender {gender} | users.sex {gender}
    users.bio {Lorem | users.password_hash $2b$12$ | users.encrypted_password $2b$12$ | users.avatar https://cdn
    users.avatar_url https://cdn | users.title {name_title} | users.job_title {job_seniority} | users.salt {x32!}
    users.reset_token {x40!} | users.api_key {x40!} | users.timezone {timezone} | users.time_zone {timezone} | users.locale {locale}
    users.language {language} | users.lang {language_code} | users.role {role} | users.status {status} | users.website https://www
    users.street {#3} | users.address {#3} | users.address_line_1 {#3} | users.address_line_2 Apt. | users.address2 Apt.
    users.city {city} | users.shipping_city {city} | users.zip {#5} | users.zip_code {#5} | users.postal_code {#5} | users.postcode {#5}
    users.country {country} | users.country_code {country_code} | users.province {state} | countries.code {country_code}
    languages.code {language_code} | currencies.code {currency_code} | currencies.symbol $ | payments.method {payment_method}
    events.type {event} | coupons.code {x8!} | x.currency {currency_code} | x.color {color} | x.colour {color} | x.hex_color #
    pages.url https://www | pages.link https://www | pages.slug {word.slug} | pages.path /{word} | pages.title {buzzword}
    posts.title {buzzword} | posts.headline {buzzword} | posts.body {Lorem | posts.content {Lorem | posts.description {Lorem
    posts.comment {Lorem | posts.notes {Lorem | posts.body_html <p> | posts.html <p> | posts.settings_json {json}
    posts.markdown # | posts.summary {Lorem | posts.excerpt {Lorem | posts.short_description {Lorem | posts.tag {tag}
    files.filename {word}- | files.mime_type {mime_type} | files.content_type {mime_type} | files.extension {file_extension}
    files.checksum {x64!} | files.sha256 {x64!} | files.md5 {x32!} | files.sha1 {x40!} | files.file_path /{word}
    requests.ip_address 10.1 | requests.ip 10.1 | requests.user_agent {user_agent} | requests.userAgent {user_agent}
    requests.method {http_method} | requests.http_method {http_method} | requests.referrer https://www | requests.host {word}
    requests.domain {word} | requests.mac_address 02: | requests.request_id {x24!} | requests.uuid {x8}-
    products.sku SKU- | products.brand {manufacturer} | products.isbn 978 | products.ean {#13!} | products.barcode {#13!}
    products.size {size} | products.unit {unit} | products.category {category} | products.material {material}
    products.version {#1}. | products.serial_number SN | orders.order_number ORD- | orders.invoice_number INV-
    orders.tracking_number 1Z | orders.status {status} | orders.state {status} | orders.source {source} | orders.channel {channel}
    orders.reference {#9!} | accounts.iban DE | accounts.bic EXMP | accounts.vat_number DE | accounts.account_number {#9!}
    cards.card_number 4000 | cards.last4 {#4} | cards.brand {card_brand} | logs.level {log_level} | logs.message {Lorem
    logs.severity {severity} | logs.error_message {Lorem | logs.event_name {event} | logs.action {action} | logs.environment {environment}
    jobs.queue {queue} | jobs.priority {priority} | jobs.cron 0 | jobs.query SELECT | devices.os {os} | devices.browser {browser}
    devices.platform {platform} | cars.license_plate {x3}- | pets.species {species} | pets.breed {species} | settings.key {word}.
    sessions.token {x40!} | sessions.session_id {x32!} | x.external_id {x8}- | x.id {x24!} | x.kind {type} | x.type {type}
    x.label {tag} | x.department {department} | x.industry {industry} | x.profession {profession} | x.occupation {job_seniority}
";

#[test]
fn texts_are_known_by_name() {
    let entries: Vec<&str> =
        TEXTS.split(['|', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let wrong = |entry: &&str| {
        let (name, expected) = entry.split_once(' ')?;
        let (table, column) = name.split_once('.')?;
        let look = texts::look(&lexicon::tokens(column), table, false).unwrap_or_default();
        (!look.starts_with(expected)).then(|| format!("{name}: {look}, not {expected}"))
    };
    assert_eq!(entries.iter().filter_map(wrong).collect::<Vec<_>>(), [""; 0]);
    assert!(entries.len() > 180, "{}", entries.len());
}

#[test]
fn names_that_say_nothing_are_unknown() {
    for column in ["foo", "x", "blurb", "qwerty_z", "ñandú", ""] {
        assert_eq!(texts::look(&lexicon::tokens(column), "things", false), None, "{column}");
    }
}

#[test]
fn a_state_beside_a_city_is_a_part_of_a_country() {
    let text = || text_type(None);
    let table = relation("addresses", &[("state", text()), ("city", text())]);
    let Values::Template(template) = values(&table.fields[0], &table).values else { panic!("a template") };
    assert!(
        matches!(&template.pieces[..], [crate::seed::make::Piece::Word { list, .. }] if list == "place_state")
    );
}

#[test]
fn numbers_are_known_by_name() {
    for (name, low, high) in [
        ("price", 1, 1_000),
        ("unitPrice", 1, 200),
        ("total_amount", 1, 1_000),
        ("quantity", 1, 20),
        ("age", 18, 90),
        ("release_year", 1_990, 2_025),
        ("view_count", 0, 1_000),
        ("retry_count", 0, 5),
        ("rating", 1, 5),
        ("latitude", -60, 70),
        ("lng", -180, 180),
        ("file_size", 500, 10_000_000),
        ("duration_ms", 1, 5_000),
        ("status_code", 200, 204),
        ("port", 1_024, 65_535),
        ("discount_percent", 0, 100),
        ("sort_order", 1, 100),
        ("account_id", 1, 10_000),
        ("price_cents", 100, 100_000),
    ] {
        let range = numbers::range(&lexicon::tokens(name)).unwrap();
        assert_eq!((range.low, range.high), (low, high), "{name}");
    }
    assert_eq!(numbers::range(&lexicon::tokens("foo")), None);
    assert!(numbers::true_share(&lexicon::tokens("is_active")).0 > 500);
    assert!(numbers::true_share(&lexicon::tokens("isDeleted")).0 < 100);
}

#[test]
fn moments_follow_the_one_at_which_the_row_began() {
    let moment = || Type::Timestamp { precision: 6, with_zone: true };
    let names = [
        "id",
        "updated_at",
        "created_at",
        "start_date",
        "end_date",
        "birth_date",
        "expires_at",
        "deleted_at",
    ];
    let fields = names.map(|name| match name {
        "id" => (name, Type::Int8),
        "start_date" | "end_date" | "birth_date" => (name, Type::Date),
        _ => (name, moment()),
    });
    let table = relation("rows", &fields);
    let period = Period { from_us: 0, to_us: 1_000 * times::DAY_US, n_rows: 100 };
    let made = |column| timed(column, &table, &period);
    let follows = |column| match made(column) {
        Some(Maker::Derived(Derived::Beyond { of, cut, .. })) => Some((names[usize::from(of)], cut)),
        _ => None,
    };
    assert_eq!(made(0), None);
    assert_eq!(follows(1), Some(("created_at", Cut::NullAbove(period.to_us))));
    assert!(matches!(made(2), Some(Maker::Drawn { draw: Draw::Row, values: Values::Moments(_) })));
    assert_eq!(follows(4), Some(("start_date", Cut::NullAbove(1_000))));
    assert!(matches!(made(5), Some(Maker::Drawn { values: Values::Int { low, .. }, .. }) if low < 0));
    assert_eq!(follows(6), Some(("created_at", Cut::None)));
    assert_eq!(follows(7).map(|it| it.0), Some("created_at"));
    assert!(values(&table.fields[7], &table).null_share > u32::MAX / 2);
    assert_eq!(values(&table.fields[2], &table).null_share, 0);
}

#[test]
fn unique_texts_keep_their_look_where_there_is_room() {
    use crate::seed::make::Piece;
    let pieces = |name: &str, max_length, n_needed| {
        let table = relation("users", &[(name, text_type(max_length))]);
        match unique(&table.fields[0], &table, n_needed) {
            Some(Values::Template(template)) => Some(template.pieces),
            _ => None,
        }
    };
    let code = |pieces: &Option<Vec<Piece>>| {
        pieces.as_ref().is_some_and(|pieces| pieces.iter().any(|piece| matches!(piece, Piece::Code(7))))
    };
    assert!(code(&pieces("email", None, 1_000)));
    assert!(code(&pieces("email", Some(255), 1_000)));
    assert_eq!(pieces("email", Some(10), 1_000), Some(vec![Piece::Code(10)]));
    // Few rows have the words themselves.
    assert_eq!(pieces("country_code", Some(2), 100), None);
    assert_eq!(pieces("country_code", Some(2), 1_000), Some(vec![Piece::Code(2)]));
}

/// Whether a type holds all that values make.
fn is_held(ty: &Type, values: &Values) -> bool {
    let ints = |low: i64, high: i64| match values {
        Values::Int { low: first, step, n } => {
            let last = i128::from(*first) + i128::from(*step) * i128::from(n.saturating_sub(1));
            *n > 0 && *step > 0 && *first >= low && last <= i128::from(high)
        }
        _ => false,
    };
    match ty {
        Type::Bool => ints(0, 1),
        Type::Int2 => ints(i16::MIN.into(), i16::MAX.into()),
        Type::Int4 => ints(i32::MIN.into(), i32::MAX.into()),
        Type::Int8 | Type::Money | Type::PgLsn => ints(i64::MIN, i64::MAX),
        Type::Oid => ints(1, u32::MAX.into()),
        Type::Float4 => {
            matches!(values, Values::Float { low, step, n } if *step > 0.0 && *n > 0 && low.abs() < 1e6)
        }
        Type::Numeric { precision: Some(precision), scale } => match values {
            Values::Wide { low, step, n } => {
                let unit = if *scale < 0 { 10_i128.pow(scale.unsigned_abs().into()) } else { 1 };
                let last = low + step * i128::from(n - 1);
                let max = 10_i128
                    .saturating_pow(u32::from(*precision).min(38))
                    .saturating_sub(1)
                    .saturating_mul(unit);
                *n > 0 && *step > 0 && low.abs() <= max && last <= max && low % unit == 0 && step % unit == 0
            }
            _ => false,
        },
        Type::Numeric { .. } => matches!(values, Values::Wide { n, step, .. } if *n > 0 && *step > 0),
        Type::Date => ints(-100_000, 5_000_000),
        Type::Time { .. } => ints(0, times::DAY_US - 1),
        Type::Timestamp { precision, .. } => {
            let unit = 10_i64.pow(6 - u32::from(*precision));
            ints(-30_000 * times::DAY_US, 30_000 * times::DAY_US)
                && matches!(values, Values::Int { low, step, .. } if low % unit == 0 && step % unit == 0)
        }
        Type::Text(text) => match values {
            // Words give way; what is of a fixed length must fit.
            Values::Template(template) => {
                let fixed = |piece: &crate::seed::make::Piece| {
                    use crate::seed::make::Piece::{Word, Words};
                    !matches!(piece, Word { .. } | Words { .. })
                };
                let pieces: Vec<_> = template.pieces.iter().filter(|piece| fixed(piece)).cloned().collect();
                template.max_length == text.max_length
                    && text.max_length.is_none_or(|max| template::longest(&pieces) <= max)
            }
            Values::List(Cells::Bytes { ends, .. }) => {
                let max = text.max_length.unwrap_or(u32::MAX);
                let starts = std::iter::once(&0).chain(ends);
                !ends.is_empty() && starts.zip(ends).all(|(start, end)| end - start <= max && end > start)
            }
            Values::Document(_) => text.max_length.is_none(),
            _ => false,
        },
        Type::Enum { labels } => match values {
            Values::List(Cells::Int(places)) => {
                let mut places = places.clone();
                places.sort_unstable();
                places == (0..i64::try_from(labels.len()).unwrap()).collect::<Vec<_>>()
            }
            _ => ints(0, i64::try_from(labels.len()).unwrap() - 1),
        },
        Type::Bit { n_bits, varying } => match values {
            Values::BitString { min, max } => {
                min <= max && n_bits.is_none_or(|n| *max <= n && (*varying || *min == n))
            }
            _ => false,
        },
        Type::Array { of, .. } => matches!(values, Values::Array { of: values, .. } if is_held(of, values)),
        _ => true,
    }
}

/// Whether a draw gives only ordinals that there are values of.
fn is_drawn_from(draw: &Draw, values: &Values) -> bool {
    match draw {
        Draw::Uniform { n } => *n > 0 && *n <= values.n(),
        Draw::Skewed(curve) => curve.n_slots() > 0 && curve.n_ranks() <= values.n(),
        _ => true,
    }
}

fn types() -> impl Strategy<Value = Type> {
    let fixed = prop::sample::select(vec![
        Type::Bool,
        Type::Int2,
        Type::Int4,
        Type::Int8,
        Type::Oid,
        Type::Float4,
        Type::Float8,
        Type::Money,
        Type::Date,
        Type::Interval,
        Type::Uuid,
        Type::Inet,
        Type::MacAddr,
        Type::Bytea,
        Type::PgLsn,
        Type::Xml,
        Type::Jsonb,
        Type::TsVector,
        Type::Numeric { precision: None, scale: 0 },
    ]);
    let text = prop::option::of(1u32..80).prop_map(text_type);
    let numeric = (1u16..60).prop_flat_map(|precision| {
        (-6i16..40).prop_map(move |scale| Type::Numeric { precision: Some(precision), scale })
    });
    let simple = prop_oneof![
        4 => fixed,
        4 => text,
        3 => numeric,
        1 => (0u8..=6, any::<bool>()).prop_map(|(precision, with_zone)| Type::Timestamp { precision, with_zone }),
        1 => (0u8..=6, any::<bool>()).prop_map(|(precision, with_zone)| Type::Time { precision, with_zone }),
        1 => (prop::option::of(1u32..100), any::<bool>()).prop_map(|(n_bits, varying)| Type::Bit { n_bits, varying }),
        1 => prop::collection::vec("[a-z]{1,5}", 1..8).prop_map(|labels| Type::Enum { labels }),
    ];
    prop_oneof![
        8 => simple.clone(),
        1 => simple.clone().prop_map(|of| Type::Array { of: Box::new(of), element_oid: 1 }),
        1 => simple.clone().prop_map(|of| Type::Range { of: Box::new(of) }),
        1 => prop::collection::vec((1u32..9, simple), 1..4).prop_map(|attributes| Type::Composite { attributes }),
    ]
}

/// Names of columns of the tables above, and any others.
fn names() -> impl Strategy<Value = String> {
    let known: Vec<String> = TEXTS
        .split(['|', '\n'])
        .filter_map(|entry| Some(entry.trim().split_once(' ')?.0.split_once('.')?.1.to_owned()))
        .chain(
            ["price", "rating", "lat", "file_size", "birth_date", "salary", "created_at"].map(str::to_owned),
        )
        .collect();
    prop_oneof![4 => prop::sample::select(known), 1 => "\\PC{0,12}"]
}

proptest! {
    #[test]
    fn values_are_within_their_types(ty in types(), name in names(), table in names()) {
        let table = relation(&table, &[(&name, ty.clone())]);
        if wire(&ty).is_some() {
            let guess = values(&table.fields[0], &table);
            prop_assert!(is_held(&ty, &guess.values), "{ty:?}: {:?}", guess.values);
            prop_assert!(is_drawn_from(&guess.draw, &guess.values), "{ty:?}: {guess:?}");
        }
    }

    #[test]
    fn unique_values_are_within_their_types(ty in types(), name in names(), table in names(), n in 0u64..1 << 45) {
        let table = relation(&table, &[(&name, ty.clone())]);
        if let Some(values) = wire(&ty).and_then(|_| unique(&table.fields[0], &table, n)) {
            prop_assert!(is_held(&ty, &values), "{ty:?}: {values:?}");
            prop_assert!(values.n() > 0);
        }
    }
}
