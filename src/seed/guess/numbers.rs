//! What columns of numbers, booleans and moments hold, by name.

use super::lexicon::{self, Entries};

/// Numbers from `low` to `high` with so many decimals, where the type has decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) n_decimals: u16,
    /// Whether small ones are more frequent, as of prices and counts.
    pub(super) is_falling: bool,
}

const fn even(low: i64, high: i64) -> Range {
    Range { low, high, n_decimals: 0, is_falling: false }
}

const fn falling(low: i64, high: i64) -> Range {
    Range { low, high, n_decimals: 0, is_falling: true }
}

impl Range {
    const fn decimals(mut self, n_decimals: u16) -> Self {
        self.n_decimals = n_decimals;
        self
    }
}

const RANGES: &Entries<Range> = &[
    (
        "price cost amount total subtotal sum fee fare charge revenue turnover profit",
        falling(1, 1_000).decimals(2),
    ),
    (
        "unit_price list_price sale_price shipping_cost tax tax_amount tip discount_amount",
        falling(1, 200).decimals(2),
    ),
    ("balance credit debit budget spend limit credit_limit deposit", falling(0, 10_000).decimals(2)),
    ("salary income wage annual_salary", falling(20_000, 200_000).decimals(2)),
    ("cents amount_cents price_cents total_cents pence minor_units", falling(100, 100_000)),
    ("rate exchange_rate ratio factor multiplier coefficient", even(0, 2).decimals(4)),
    ("discount vat tax_rate interest_rate vat_rate commission margin", even(0, 30).decimals(2)),
    ("percent percentage pct progress completion", even(0, 100)),
    ("probability confidence weight_factor share", even(0, 1).decimals(4)),
    ("quantity qty ordered units n_items", falling(1, 20)),
    ("stock inventory on_hand stock_level available_quantity", falling(0, 500)),
    (
        "count counter cnt hits views clicks likes visits impressions downloads uses usage number_of",
        falling(0, 1_000),
    ),
    ("retries attempts retry_count attempt_count failures errors error_count", falling(0, 5)),
    ("rating stars", even(1, 5).decimals(1)),
    ("score points rank_score karma reputation", falling(0, 100).decimals(1)),
    (
        "rank position ordinal sort sort_order display_order sequence seq ordering idx index place line_number",
        even(1, 100),
    ),
    ("priority severity importance urgency level tier grade depth", even(1, 5)),
    ("version revision version_number lock_version generation", falling(1, 10)),
    ("status state type kind category mode", falling(0, 5)),
    ("age", even(18, 90)),
    ("year release_year birth_year fiscal_year", even(1_990, 2_025)),
    ("month", even(1, 12)),
    ("day day_of_month", even(1, 28)),
    ("week", even(1, 52)),
    ("weekday day_of_week dow", even(0, 6)),
    ("quarter", even(1, 4)),
    ("hour", even(0, 23)),
    ("minute second", even(0, 59)),
    ("latitude lat", even(-60, 70).decimals(6)),
    ("longitude lng lon long", even(-180, 180).decimals(6)),
    ("altitude elevation", even(0, 3_000).decimals(1)),
    ("distance mileage", falling(1, 1_000).decimals(1)),
    ("weight", falling(1, 100).decimals(2)),
    ("height length depth_cm thickness diameter radius", even(1, 200).decimals(1)),
    ("width", even(100, 2_000)),
    ("temperature temp", even(-20, 40).decimals(1)),
    ("humidity", even(20, 95).decimals(1)),
    ("speed velocity", even(0, 130).decimals(1)),
    ("heart_rate pulse bpm", even(50, 180)),
    ("duration elapsed runtime length_seconds seconds secs duration_seconds timeout ttl", falling(1, 3_600)),
    ("minutes mins duration_minutes", falling(1, 480)),
    ("hours", falling(1, 40).decimals(1)),
    ("days", falling(1, 60)),
    ("ms milliseconds millis duration_ms latency latency_ms response_time", falling(1, 5_000)),
    ("bytes size file_size size_bytes filesize content_length", falling(500, 10_000_000)),
    ("status_code http_status response_code", even(200, 204)),
    ("port", even(1_024, 65_535)),
    ("zip zip_code postal_code postcode", even(10_000, 99_999)),
    ("pages page_count", falling(10, 900)),
    ("bedrooms rooms bathrooms floors floor guests capacity seats adults children", falling(1, 10)),
    ("population", falling(1_000, 1_000_000)),
    ("calories", falling(50, 1_200)),
    ("number no num code", even(1, 99_999)),
    ("id", falling(1, 10_000)),
];

/// Booleans and how many of a thousand are true.
const TRUE_SHARES: &Entries<u64> = &[
    (
        "active enabled verified confirmed published visible public available valid approved accepted current online",
        850,
    ),
    (
        "email_verified is_active opt_in opted_in subscribed allow allowed can_login required success successful",
        850,
    ),
    (
        "deleted archived banned blocked disabled hidden spam locked suspended cancelled canceled expired revoked",
        50,
    ),
    ("failed error flagged reported deprecated obsolete discontinued test sandbox draft muted", 50),
    ("admin superuser staff owner default primary main featured pinned private internal system premium", 100),
    ("paid completed done processed read seen sent delivered resolved finished closed", 700),
];

/// The share of booleans whose name says nothing.
const TRUE_SHARE: u64 = 400;

/// When something is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    /// In the order of the rows.
    Series,
    /// At some time within the period.
    Past,
    /// Up to so many days after the row came to be; so many of a thousand are NULL where they may.
    After { days: i64, nulls: u64 },
    /// After the row came to be, or after the period where that is not known.
    Future { days: i64, nulls: u64 },
    /// The birth of an adult.
    Birth,
}

const MOMENTS: &Entries<When> = &[
    ("birth_date date_of_birth dob birthday born birthdate born_on born_at", When::Birth),
    (
        "updated_at modified_at changed_at last_modified last_updated updated modified updated_on last_update",
        UPDATED,
    ),
    (
        "update_time modification_date date_modified date_updated last_changed edited_at modified_on refreshed_at",
        UPDATED,
    ),
    (
        "last_login last_seen last_active last_login_at last_seen_at last_activity last_used_at accessed_at",
        UPDATED,
    ),
    (
        "deleted_at archived_at banned_at blocked_at revoked_at suspended_at discarded_at locked_at removed_at",
        RARE,
    ),
    (
        "cancelled_at canceled_at failed_at rejected_at refunded_at returned_at disabled_at deactivated_at",
        RARE,
    ),
    ("death_date date_of_death died_at died_on", RARE),
    (
        "completed_at finished_at closed_at ended_at resolved_at processed_at paid_at sent_at delivered_at",
        DONE,
    ),
    (
        "published_at approved_at confirmed_at verified_at accepted_at read_at seen_at shipped_at activated_at",
        DONE,
    ),
    (
        "end_at ends_at end_date end_time finish_date valid_to stop_time end_on ended_on to_date checkout check_out",
        DONE,
    ),
    ("started_at start_at starts_at start_time", When::After { days: 1, nulls: 50 }),
    (
        "expires_at expires expiry expiration expiration_date expires_on expiry_date valid_until valid_thru",
        LATER,
    ),
    (
        "due due_at due_date due_on deadline renewal_date renews_at next_run_at next_billing_date scheduled_at",
        LATER,
    ),
    ("scheduled_for run_at retry_at trial_ends_at reminder_at next_run delivery_date", LATER),
];

const UPDATED: When = When::After { days: 90, nulls: 0 };
const RARE: When = When::After { days: 365, nulls: 900 };
const DONE: When = When::After { days: 14, nulls: 200 };
const LATER: When = When::Future { days: 365, nulls: 100 };

/// Names of the moment at which a row comes to be.
pub(super) const CREATIONS: &Entries<()> = &[(
    "created_at inserted_at created created_on creation_date date_created create_time creation_time added_at added_on \
     occurred_at happened_at logged_at recorded_at registered_at joined_at signed_up_at signup_date timestamp ts event_time \
     time started_at start_at starts_at start_date start_time valid_from from_date order_date ordered_at placed_at posted_at \
     received_at entered_at issued_at issue_date invoice_date opened_at hired_at hire_date insert_date created_time date at on",
    (),
)];

/// Returns the range of a number by its name.
pub(super) fn range(tokens: &[String]) -> Option<Range> {
    lexicon::ending(tokens, RANGES).copied()
}

/// Returns how many of a thousand are true, and whether the name says so.
pub(super) fn true_share(tokens: &[String]) -> (u64, bool) {
    lexicon::ending(tokens, TRUE_SHARES).map_or((TRUE_SHARE, false), |share| (*share, true))
}

/// Returns when something is by its name.
pub(super) fn when(tokens: &[String]) -> Option<When> {
    let known = lexicon::ending(tokens, MOMENTS).copied();
    known.or_else(|| lexicon::ending(tokens, CREATIONS).map(|()| When::Series))
}
