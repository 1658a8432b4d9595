"""The countries the sandbox knows, with the currency of each (ISO 3166-1, ISO 4217)."""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
AD AND EUR Andorra|AE ARE AED United Arab Emirates|AG ATG XCD Antigua and Barbuda|AL ALB ALL Albania
AM ARM AMD Armenia|AO AGO AOA Angola|AR ARG ARS Argentina|AT AUT EUR Austria|AU AUS AUD Australia
AZ AZE AZN Azerbaijan|BA BIH BAM Bosnia and Herzegovina|BB BRB BBD Barbados|BD BGD BDT Bangladesh
BE BEL EUR Belgium|BF BFA XOF Burkina Faso|BG BGR BGN Bulgaria|BH BHR BHD Bahrain|BI BDI BIF Burundi
BJ BEN XOF Benin|BM BMU BMD Bermuda|BN BRN BND Brunei|BO BOL BOB Bolivia|BR BRA BRL Brazil|BS BHS BSD Bahamas
BT BTN BTN Bhutan|BW BWA BWP Botswana|BZ BLZ BZD Belize|CA CAN CAD Canada|CG COG XAF Congo|CH CHE CHF Switzerland
CI CIV XOF Côte d'Ivoire|CL CHL CLP Chile|CM CMR XAF Cameroon|CN CHN CNY China|CO COL COP Colombia
CR CRI CRC Costa Rica|CV CPV CVE Cape Verde|CY CYP EUR Cyprus|CZ CZE CZK Czechia|DE DEU EUR Germany
DJ DJI DJF Djibouti|DK DNK DKK Denmark|DM DMA XCD Dominica|DO DOM DOP Dominican Republic|DZ DZA DZD Algeria
EC ECU USD Ecuador|EE EST EUR Estonia|EG EGY EGP Egypt|ES ESP EUR Spain|ET ETH ETB Ethiopia|FI FIN EUR Finland
FJ FJI FJD Fiji|FR FRA EUR France|GA GAB XAF Gabon|GB GBR GBP United Kingdom|GD GRD XCD Grenada|GE GEO GEL Georgia
GH GHA GHS Ghana|GI GIB GIP Gibraltar|GM GMB GMD Gambia|GN GIN GNF Guinea|GR GRC EUR Greece|GT GTM GTQ Guatemala
GY GUY GYD Guyana|HK HKG HKD Hong Kong|HN HND HNL Honduras|HR HRV EUR Croatia|HU HUN HUF Hungary
ID IDN IDR Indonesia|IE IRL EUR Ireland|IL ISR ILS Israel|IN IND INR India|IS ISL ISK Iceland|IT ITA EUR Italy
JM JAM JMD Jamaica|JO JOR JOD Jordan|JP JPN JPY Japan|KE KEN KES Kenya|KG KGZ KGS Kyrgyzstan|KH KHM KHR Cambodia
KM COM KMF Comoros|KR KOR KRW South Korea|KW KWT KWD Kuwait|KY CYM KYD Cayman Islands|KZ KAZ KZT Kazakhstan
LA LAO LAK Laos|LC LCA XCD Saint Lucia|LI LIE CHF Liechtenstein|LK LKA LKR Sri Lanka|LS LSO LSL Lesotho
LT LTU EUR Lithuania|LU LUX EUR Luxembourg|LV LVA EUR Latvia|MA MAR MAD Morocco|MC MCO EUR Monaco|MD MDA MDL Moldova
ME MNE EUR Montenegro|MG MDG MGA Madagascar|MK MKD MKD North Macedonia|ML MLI XOF Mali|MN MNG MNT Mongolia
MO MAC MOP Macao|MR MRT MRU Mauritania|MT MLT EUR Malta|MU MUS MUR Mauritius|MV MDV MVR Maldives|MW MWI MWK Malawi
MX MEX MXN Mexico|MY MYS MYR Malaysia|MZ MOZ MZN Mozambique|NA NAM NAD Namibia|NE NER XOF Niger|NG NGA NGN Nigeria
NL NLD EUR Netherlands|NO NOR NOK Norway|NP NPL NPR Nepal|NZ NZL NZD New Zealand|OM OMN OMR Oman|PA PAN PAB Panama
PE PER PEN Peru|PG PNG PGK Papua New Guinea|PH PHL PHP Philippines|PK PAK PKR Pakistan|PL POL PLN Poland
PR PRI USD Puerto Rico|PT PRT EUR Portugal|PY PRY PYG Paraguay|QA QAT QAR Qatar|RO ROU RON Romania|RS SRB RSD Serbia
RW RWA RWF Rwanda|SA SAU SAR Saudi Arabia|SB SLB SBD Solomon Islands|SC SYC SCR Seychelles|SE SWE SEK Sweden
SG SGP SGD Singapore|SI SVN EUR Slovenia|SK SVK EUR Slovakia|SL SLE SLE Sierra Leone|SM SMR EUR San Marino
SN SEN XOF Senegal|SR SUR SRD Suriname|SV SLV USD El Salvador|SZ SWZ SZL Eswatini|TD TCD XAF Chad|TG TGO XOF Togo
TH THA THB Thailand|TJ TJK TJS Tajikistan|TL TLS USD Timor-Leste|TN TUN TND Tunisia|TO TON TOP Tonga|TR TUR TRY Türkiye
TT TTO TTD Trinidad and Tobago|TW TWN TWD Taiwan|TZ TZA TZS Tanzania|UA UKR UAH Ukraine|UG UGA UGX Uganda
US USA USD United States|UY URY UYU Uruguay|UZ UZB UZS Uzbekistan|VC VCT XCD Saint Vincent and the Grenadines
VN VNM VND Vietnam|VU VUT VUV Vanuatu|WS WSM WST Samoa|XK - EUR Kosovo|ZA ZAF ZAR South Africa|ZM ZMB ZMW Zambia
"""


@dataclass(frozen=True, slots=True)
class Country:
    """One country."""

    iso2: str
    iso3: str  # empty for Kosovo, which has none
    currency: str
    name: str


def _read() -> dict[str, Country]:
    countries: dict[str, Country] = {}
    for entry in _TABLE.strip().replace("\n", "|").split("|"):
        iso2, iso3, currency, name = entry.split(" ", 3)
        countries[iso2] = Country(iso2, iso3.strip("-"), currency, name)
    return countries


COUNTRIES = _read()
