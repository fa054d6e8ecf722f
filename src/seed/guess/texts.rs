//! What text columns hold, by name.

use std::borrow::Cow;

use super::lexicon::{self, Entries};
use super::words;

/// How a text looks, in the notation of [`super::template`].
pub(super) type Look = Cow<'static, str>;

const PERSON: &str = "{first_name} {last_name}|{first_name}";
const COMPANY: &str = "{last_name} {company_suffix}|{last_name}|{manufacturer}";
const PRODUCT: &str =
    "{product_adjective} {material} {product_noun}|{product_adjective} {product_noun}|{product_noun}";
const TITLE: &str = "{buzzword} {word 1-4}|{word}";
const PROSE: &str = "{Lorem 8-30}|{lorem 1-3}|{word}";
const SENTENCE: &str = "{Lorem 4-10}|{lorem 1-3}|{word}";
const URL: &str = "https://www.example.com/{word}/{word}{-!}|https://example.com/{word}{-!}|/{word}";
const IMAGE: &str = "https://cdn.example.com/{word}/{x16!}.jpg|/{x8!}.jpg|{x4!}.jpg";
const HOST: &str = "{word}{-!}.example.com|{word}";
const PATH: &str = "/{word}/{word}/{word}{-!}.txt|/{word}{-!}|{word}";
const UUID: &str = "{x8}-{x4}-4{x3}-a{x3}-{#12!}|{x12!}";
const TOKEN: &str = "{x40!}|{x24!}|{x16!}|{x8!}";
const PASSWORD: &str = "$2b$12${x22}{x31!}|{x40!}|{x24!}|{x8!}";
const PHONE: &str = "+1{#10!}|{#10!}|{#7!}";
/// A JSON text, which [`super::document`] shapes.
pub(super) const JSON: &str = "{json}";

/// Endings of names.
const LOOKS: &Entries<&str> = &[
    ("first_name given_name forename fname middle_name nickname nick", "{first_name}"),
    ("last_name surname family_name lname maiden_name", "{last_name}"),
    ("full_name real_name author contact owner assignee customer creator recipient sender signatory", PERSON),
    ("created_by updated_by modified_by approved_by deleted_by", PERSON),
    (
        "username user_name login handle screen_name",
        "{first_name.slug}.{last_name.slug}{.!}|{last_name.slug}|{word}",
    ),
    (
        "email email_address mail e_mail reply_to",
        "{first_name.slug}.{last_name.slug}{.!}@{email_provider}|{word.slug}{.!}@{email_provider}|{word.slug}@x.org",
    ),
    ("phone phone_number telephone mobile mobile_number cell fax tel msisdn", PHONE),
    ("sex", "{gender}"),
    ("job_title occupation designation", "{job_seniority} {job_field} {job_position}|{job_position}"),
    ("company company_name organization organisation employer business_name vendor supplier client", COMPANY),
    ("organization_name organisation_name vendor_name supplier_name publisher brand_name", COMPANY),
    ("brand make", "{manufacturer}"),
    ("password password_hash encrypted_password passwd password_digest", PASSWORD),
    ("salt nonce session_id sid", "{x32!}|{x16!}|{x8!}"),
    ("token secret api_key access_key secret_key private_key public_key refresh_token cookie", TOKEN),
    ("hash checksum digest sha256 fingerprint signature", "{x64!}|{x40!}|{x32!}|{x16!}|{x8!}"),
    ("sha1 sha commit commit_sha revision commit_hash", "{x40!}|{x8!}"),
    ("md5 etag", "{x32!}|{x8!}"),
    ("street street_address address address_line line address1 addr street_name", STREET),
    ("address2 address_line2 line2 apartment suite", "Apt. {#3}|{#3}"),
    ("building house_number street_number building_number", "{#3}"),
    ("town locality municipality birthplace place_of_birth", "{city}"),
    ("state_province province county prefecture", "{state}|{state_code}"),
    ("zip zip_code postal_code postcode", "{#5}|{#4}"),
    ("country country_name nationality", "{country}|{country_code}"),
    ("country_code country_iso iso_code iso2", "{country_code}"),
    ("time_zone tz tzid", "{timezone}|UTC"),
    ("language language_name", "{language}|{language_code}"),
    ("lang language_code lang_code", "{language_code}"),
    ("culture", "{locale}"),
    ("currency currency_code ccy", "{currency_code}"),
    ("currency_symbol", "$"),
    (
        "url uri link href website homepage site webpage endpoint callback redirect webhook referrer referer",
        URL,
    ),
    ("url_path route pathname", "/{word}/{word}{-!}|/{word}"),
    ("image photo avatar picture thumbnail logo icon cover banner poster", IMAGE),
    ("image_url photo_url avatar_url picture_url thumbnail_url logo_url icon_url cover_url", IMAGE),
    ("domain hostname host host_name subdomain server domain_name fqdn", HOST),
    ("ip ip_address ipv4 remote_ip client_ip remote_addr", "10.1{#1}.1{#2}.1{#2}"),
    ("mac mac_address", "02:{x2}:{x2}:{x2}:{x2}:{x2}"),
    ("path file_path filepath directory folder location_path storage_key object_key", PATH),
    ("filename file_name file attachment document_name original_name", "{word}-{word}{-!}.pdf|{x4!}.pdf"),
    ("extension ext file_type", "{file_extension}"),
    ("content_type media_type mimetype", "{mime_type}|{file_extension}"),
    ("slug permalink url_key alias", "{word.slug}-{word.slug}{-!}|{word.slug}{-!}|{word.slug}"),
    ("key setting_key config_key", "{word}.{word}{.!}|{word}"),
    ("title headline subject heading caption topic_title", TITLE),
    ("body content text message comment description desc details note remark review bio biography", PROSE),
    ("about abstract answer instruction memo narrative overview story summary transcript excerpt", PROSE),
    ("short_description reason error error_message question tagline slogan response feedback hint", SENTENCE),
    (
        "html body_html content_html description_html html_body",
        "<p>{Lorem 8-30}</p>|<p>{lorem 1-3}</p>|{word}",
    ),
    ("markdown body_markdown readme", "# {buzzword} {word}\n\n{Lorem 8-30}|{lorem 1-3}|{word}"),
    ("json", JSON),
    ("sql query statement", "SELECT * FROM {table} WHERE id = {#3}|{word}"),
    ("regex pattern", "^[a-z]+{#2}$|{word}"),
    ("cron cron_expression schedule", "0 {#1} * * *"),
    ("sku product_code item_code part_number item_number", "SKU-{#8!}|{#8!}|{#4!}"),
    ("order_number order_no", "ORD-{#9!}|{#9!}|{#6!}"),
    ("invoice_number invoice_no", "INV-{#9!}|{#9!}|{#6!}"),
    (
        "number no num account_number reference ref reference_number document_number confirmation_number",
        // Nine digits: triggers cast such texts to integer.
        "{#9!}|{#6!}|{#4!}",
    ),
    ("code promo_code coupon_code voucher_code short_code", "{x8!}|{x6!}|{x4!}"),
    ("tracking_number tracking_code", "1Z{#16!}|{#10!}"),
    ("isbn isbn13", "978{#10!}|{#10!}"),
    ("ean upc barcode gtin", "{#13!}|{#12!}|{#8!}"),
    ("iban", "DE{#20!}"),
    ("bic swift swift_code", "EXMPDEFF{#3!}|EXMPDEFF"),
    ("vat vat_number tax_id tax_number tin ein vat_id", "DE{#9!}|{#9!}"),
    ("ssn social_security_number national_id passport passport_number", "{#9!}"),
    ("license_plate plate plate_number registration_number", "{x3}-{#5!}|{#6!}"),
    ("serial serial_number serial_no imei", "SN{#13!}|{#10!}|{#6!}"),
    ("version semver app_version version_number version_num", "{#1}.{#1}.{#1}|{#1}.{#1}|{#1}"),
    ("card_number", "4000{#12!}|{#12!}"),
    ("last4 last_four last_digits cvv", "{#4}|{#3}"),
    ("geohash", "u{#9!}|u{#4!}"),
    ("uuid guid uid external_id uniqueid", UUID),
    ("id identifier request_id trace_id correlation_id transaction_id", "{x24!}|{x16!}|{x8!}"),
    ("hex color_hex hex_color color_code colour_code", "#{x6}|{x6}"),
    ("colour", "{color}"),
    ("state stage phase condition outcome result", "{status}"),
    ("kind subtype variant mode class", "{type}"),
    ("group section group_name", "{buzzword} {word}|{word}"),
    ("label badge keyword", "{tag}"),
    ("tier subscription_plan package", "{plan}"),
    ("level loglevel", "{log_level}"),
    ("uom unit_of_measure", "{unit}"),
    ("medium utm_source utm_medium", "{source}"),
    ("useragent agent", "{user_agent}|{browser}"),
    ("operating_system os_name", "{os}"),
    ("event_name event_type", "{event}"),
    ("operation activity verb", "{action}"),
    ("env", "{environment}"),
    ("interval recurrence billing_cycle billing_period period", "{frequency}"),
    ("payment_type payment_mode", "{payment_method}"),
    ("shipping_method courier shipper", "{carrier}"),
    ("card_type", "{card_brand}"),
    ("breed animal", "{species}"),
    ("http_verb request_method", "{http_method}"),
    ("scope privilege grant", "{permission}"),
    ("weekday day_of_week", "{day}"),
    ("salutation honorific name_prefix prefix", "{name_title}"),
    ("suffix", "{name_suffix}"),
    ("album track song book movie film recipe game", TITLE),
    ("xml", "<item><name>{word}</name><value>{#4}</value></item>"),
    ("emoji", "smile"),
    ("initials", "{x2}"),
];

/// Of what no name says what it is.
const NAME: &str = "{buzzword} {word}|{word}";
const STREET: &str = "{#3} {last_name} {street_suffix}|{last_name} {street_suffix}|{last_name}";

/// What has a name, and how names of it look. Subjects that are word lists need no entry.
const NAMES: &Entries<&str> = &[
    (
        "user customer person employee author member contact patient student teacher driver artist actor owner profile staff \
         lead player guest subscriber director agent candidate doctor nurse seller buyer creator recipient sender cardholder \
         attendee speaker passenger instructor reviewer witness beneficiary account_holder holder admin child parent display",
        PERSON,
    ),
    (
        "company organization organisation org business vendor supplier client publisher brand manufacturer employer agency \
         partner firm tenant account merchant store shop hotel restaurant airline shipper institution school university club",
        COMPANY,
    ),
    ("product item article part goods variant equipment asset", PRODUCT),
    ("file document attachment upload", "{word}-{word}{-!}.pdf|{x4!}.pdf"),
    ("town location place site venue stadium branch office station airport district", "{city}"),
    ("province", "{state}|{state_code}"),
    ("currency", "{currency_name}|{currency_code}"),
    ("domain host server node machine cluster", HOST),
    ("language", "{language}|{language_code}"),
    ("country", "{country}|{country_code}"),
    ("album track song book movie film recipe game course lesson task project campaign", TITLE),
    ("street road", "{last_name} {street_suffix}|{last_name}"),
    ("job position title role_title", "{job_field} {job_position}|{job_position}"),
    ("variable parameter field column attribute property option", "{word}_{word}{-!}|{word}"),
    ("sponsor", "{manufacturer}"),
];

/// Returns the look that perfkit.yaml asks for by a name: a word list's, a column's, or that of a thing with a name.
pub(super) fn by_name(name: &str) -> Option<Look> {
    if !words::list(name).is_empty() {
        return Some(format!("{{{name}}}").into());
    }
    let whole = name.replace('_', "");
    let of_thing = || lexicon::exact(&name.strip_suffix("_name")?.replace('_', ""), NAMES);
    lexicon::exact(&whole, LOOKS).or_else(of_thing).map(|look| (*look).into())
}

/// The names of columns whose look is known.
pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    LOOKS.iter().flat_map(|(names, _)| names.split(' '))
}

/// Returns how a text column looks by its name; `None` where the name says nothing.
pub(super) fn look(tokens: &[String], relation: &str, has_address: bool) -> Option<Look> {
    let last = tokens.last()?.as_str();
    let subject = lexicon::subject(relation).unwrap_or_default();
    if tokens.len() == 1 {
        // `payments.method` is a payment method; `users.name` is no user name, and names come below.
        let whole = [subject.clone(), last.to_owned()].concat();
        let look = lexicon::exact(&whole, LOOKS).map(|look| (*look).into()).or_else(|| listed(&whole));
        if let Some(look) = look.filter(|_| !matches!(last, "name" | "title" | "id")) {
            return Some(look);
        }
        if last == "title" && lexicon::exact(&subject, NAMES).is_some_and(|look| *look == PERSON) {
            return Some("{name_title}".into());
        }
        if last == "state" && has_address {
            return Some("{state}|{state_code}".into());
        }
    }
    if let Some(look) = lexicon::ending(tokens, LOOKS) {
        return Some((*look).into());
    }
    if last == "name" || last == "names" {
        return Some(name(tokens, &subject));
    }
    lexicon::list(tokens).map(|list| format!("{{{list}}}").into())
}

/// Returns how a name looks, by the words before `name`, or by the relation where they say nothing.
fn name(tokens: &[String], subject: &str) -> Look {
    let own = &tokens[..tokens.len() - 1];
    let of = |tokens: &[String]| {
        let entry = lexicon::ending(tokens, NAMES).map(|look| (*look).into());
        entry.or_else(|| lexicon::list(tokens).map(|list| format!("{{{list}}}").into()))
    };
    of(own).or_else(|| of(&[subject.to_owned()])).unwrap_or_else(|| NAME.into())
}

fn listed(name: &str) -> Option<Look> {
    let list = lexicon::list(&[name.to_owned()])?;
    Some(format!("{{{list}}}").into())
}
