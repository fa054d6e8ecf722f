//! Places, so that the city, country and postal code of a row agree.

const N: usize = PLACES.len();

pub(super) const CITIES: [&str; N] = part(0);
pub(super) const STATES: [&str; N] = part(1);
pub(super) const STATE_CODES: [&str; N] = part(2);
pub(super) const COUNTRIES: [&str; N] = part(3);
pub(super) const COUNTRY_CODES: [&str; N] = part(4);
pub(super) const ZIPS: [&str; N] = part(5);

const fn part(of: usize) -> [&'static str; N] {
    let mut parts = [""; N];
    let mut place = 0;
    while place < N {
        parts[place] = PLACES[place][of];
        place += 1;
    }
    parts
}

/// City, state or its like, its code, country, its code (ISO 3166), and how postal codes begin: two digits follow. Codes are of the
/// right length and region; the countries are those whose codes end in digits.
#[rustfmt::skip]
const PLACES: &[[&str; 6]] = &[
    ["New York", "New York", "NY", "United States", "US", "100"],
    ["Buffalo", "New York", "NY", "United States", "US", "142"],
    ["Chicago", "Illinois", "IL", "United States", "US", "606"],
    ["Boston", "Massachusetts", "MA", "United States", "US", "021"],
    ["Seattle", "Washington", "WA", "United States", "US", "981"],
    ["Spokane", "Washington", "WA", "United States", "US", "992"],
    ["Austin", "Texas", "TX", "United States", "US", "787"],
    ["Dallas", "Texas", "TX", "United States", "US", "752"],
    ["Houston", "Texas", "TX", "United States", "US", "770"],
    ["Denver", "Colorado", "CO", "United States", "US", "802"],
    ["Portland", "Oregon", "OR", "United States", "US", "972"],
    ["Miami", "Florida", "FL", "United States", "US", "331"],
    ["Tampa", "Florida", "FL", "United States", "US", "336"],
    ["Atlanta", "Georgia", "GA", "United States", "US", "303"],
    ["Phoenix", "Arizona", "AZ", "United States", "US", "850"],
    ["San Francisco", "California", "CA", "United States", "US", "941"],
    ["Los Angeles", "California", "CA", "United States", "US", "900"],
    ["San Diego", "California", "CA", "United States", "US", "921"],
    ["Philadelphia", "Pennsylvania", "PA", "United States", "US", "191"],
    ["Minneapolis", "Minnesota", "MN", "United States", "US", "554"],
    ["Detroit", "Michigan", "MI", "United States", "US", "482"],
    ["Berlin", "Berlin", "BE", "Germany", "DE", "101"],
    ["Hamburg", "Hamburg", "HH", "Germany", "DE", "203"],
    ["Munich", "Bavaria", "BY", "Germany", "DE", "803"],
    ["Nuremberg", "Bavaria", "BY", "Germany", "DE", "904"],
    ["Cologne", "North Rhine-Westphalia", "NW", "Germany", "DE", "506"],
    ["Leipzig", "Saxony", "SN", "Germany", "DE", "041"],
    ["Paris", "Ile-de-France", "IDF", "France", "FR", "750"],
    ["Lyon", "Auvergne-Rhone-Alpes", "ARA", "France", "FR", "690"],
    ["Marseille", "Provence-Alpes-Cote d'Azur", "PAC", "France", "FR", "130"],
    ["Lille", "Hauts-de-France", "HDF", "France", "FR", "590"],
    ["Madrid", "Madrid", "MD", "Spain", "ES", "280"],
    ["Barcelona", "Catalonia", "CT", "Spain", "ES", "080"],
    ["Valencia", "Valencia", "VC", "Spain", "ES", "460"],
    ["Rome", "Lazio", "RM", "Italy", "IT", "001"],
    ["Milan", "Lombardy", "MI", "Italy", "IT", "201"],
    ["Turin", "Piedmont", "TO", "Italy", "IT", "101"],
    ["Vienna", "Vienna", "W", "Austria", "AT", "10"],
    ["Graz", "Styria", "ST", "Austria", "AT", "80"],
    ["Zurich", "Zurich", "ZH", "Switzerland", "CH", "80"],
    ["Geneva", "Geneva", "GE", "Switzerland", "CH", "12"],
    ["Brussels", "Brussels", "BRU", "Belgium", "BE", "10"],
    ["Antwerp", "Antwerp", "VAN", "Belgium", "BE", "20"],
    ["Copenhagen", "Hovedstaden", "84", "Denmark", "DK", "21"],
    ["Aarhus", "Midtjylland", "82", "Denmark", "DK", "80"],
    ["Stockholm", "Stockholm", "AB", "Sweden", "SE", "111"],
    ["Gothenburg", "Vastra Gotaland", "O", "Sweden", "SE", "411"],
    ["Oslo", "Oslo", "03", "Norway", "NO", "01"],
    ["Bergen", "Vestland", "46", "Norway", "NO", "50"],
    ["Helsinki", "Uusimaa", "18", "Finland", "FI", "001"],
    ["Tampere", "Pirkanmaa", "11", "Finland", "FI", "331"],
    ["Lisbon", "Lisbon", "11", "Portugal", "PT", "1100-0"],
    ["Porto", "Porto", "13", "Portugal", "PT", "4000-0"],
    ["Prague", "Prague", "10", "Czechia", "CZ", "110"],
    ["Brno", "South Moravia", "64", "Czechia", "CZ", "602"],
    ["Warsaw", "Mazovia", "14", "Poland", "PL", "00-0"],
    ["Krakow", "Lesser Poland", "12", "Poland", "PL", "30-0"],
    ["Budapest", "Budapest", "BU", "Hungary", "HU", "10"],
    ["Athens", "Attica", "I", "Greece", "GR", "104"],
    ["Bucharest", "Bucharest", "B", "Romania", "RO", "0101"],
    ["Zagreb", "Zagreb", "21", "Croatia", "HR", "100"],
    ["Istanbul", "Istanbul", "34", "Turkey", "TR", "341"],
    ["Ankara", "Ankara", "06", "Turkey", "TR", "061"],
    ["Mexico City", "Mexico City", "CMX", "Mexico", "MX", "060"],
    ["Guadalajara", "Jalisco", "JAL", "Mexico", "MX", "441"],
    ["Bogota", "Bogota", "DC", "Colombia", "CO", "1101"],
    ["Lima", "Lima", "LIM", "Peru", "PE", "150"],
    ["Santiago", "Santiago", "RM", "Chile", "CL", "83200"],
    ["Rio de Janeiro", "Rio de Janeiro", "RJ", "Brazil", "BR", "20031-0"],
    ["Sao Paulo", "Sao Paulo", "SP", "Brazil", "BR", "01310-1"],
    ["Cape Town", "Western Cape", "WC", "South Africa", "ZA", "80"],
    ["Johannesburg", "Gauteng", "GP", "South Africa", "ZA", "20"],
    ["Nairobi", "Nairobi", "30", "Kenya", "KE", "001"],
    ["Lagos", "Lagos", "LA", "Nigeria", "NG", "1012"],
    ["Casablanca", "Casablanca-Settat", "06", "Morocco", "MA", "200"],
    ["Cairo", "Cairo", "C", "Egypt", "EG", "115"],
    ["Mumbai", "Maharashtra", "MH", "India", "IN", "4000"],
    ["Delhi", "Delhi", "DL", "India", "IN", "1100"],
    ["Bangalore", "Karnataka", "KA", "India", "IN", "5600"],
    ["Karachi", "Sindh", "SD", "Pakistan", "PK", "742"],
    ["Dhaka", "Dhaka", "13", "Bangladesh", "BD", "12"],
    ["Bangkok", "Bangkok", "10", "Thailand", "TH", "101"],
    ["Hanoi", "Hanoi", "HN", "Vietnam", "VN", "1000"],
    ["Jakarta", "Jakarta", "JK", "Indonesia", "ID", "101"],
    ["Manila", "Metro Manila", "00", "Philippines", "PH", "10"],
    ["Kuala Lumpur", "Kuala Lumpur", "14", "Malaysia", "MY", "500"],
    ["Singapore", "Singapore", "SG", "Singapore", "SG", "0189"],
    ["Shanghai", "Shanghai", "SH", "China", "CN", "2000"],
    ["Beijing", "Beijing", "BJ", "China", "CN", "1000"],
    ["Seoul", "Seoul", "11", "South Korea", "KR", "045"],
    ["Busan", "Busan", "26", "South Korea", "KR", "489"],
    ["Tokyo", "Tokyo", "13", "Japan", "JP", "100-00"],
    ["Osaka", "Osaka", "27", "Japan", "JP", "530-00"],
    ["Kyoto", "Kyoto", "26", "Japan", "JP", "600-80"],
    ["Taipei", "Taipei", "TPE", "Taiwan", "TW", "100"],
    ["Sydney", "New South Wales", "NSW", "Australia", "AU", "20"],
    ["Melbourne", "Victoria", "VIC", "Australia", "AU", "30"],
    ["Brisbane", "Queensland", "QLD", "Australia", "AU", "40"],
    ["Perth", "Western Australia", "WA", "Australia", "AU", "60"],
    ["Auckland", "Auckland", "AUK", "New Zealand", "NZ", "10"],
    ["Wellington", "Wellington", "WGN", "New Zealand", "NZ", "60"],
];
