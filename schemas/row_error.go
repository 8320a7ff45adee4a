package schemas

import (
	"strings"
	"unicode/utf8"
)

// Codes of row errors; they are stable, programs outside match on them.
const (
	CodeRequired         = "required"           // a required property is absent, null or an empty key
	CodeType             = "type"               // a JSON type or text that the property's type does not take
	CodeRange            = "range"              // below minimum, above maximum, or outside what the column holds
	CodeLength           = "length"             // fewer or more characters than allowed
	CodePattern          = "pattern"            // the text does not match the property's pattern
	CodeUnknownCode      = "unknown_code"       // not in the reference list or enumeration
	CodeUnknownField     = "unknown_field"      // not a property of the contract
	CodeDuplicateField   = "duplicate_field"    // the same property twice in one record
	CodeInvalidUTF8      = "invalid_utf8"       // bytes that are not UTF-8, or a lone surrogate
	CodeInvalidJSON      = "invalid_json"       // RFC 8259 is broken
	CodeInvalidCSV       = "invalid_csv"        // RFC 4180 is broken
	CodePrecision        = "precision"          // more digits than the column holds exactly
	CodeInvalidTime      = "invalid_time"       // not a time or date, or one that does not exist
	CodeRule             = "rule"               // a row or cross-field rule of the contract is broken
	CodeRegionMismatch   = "region_mismatch"    // the row names another region than the reference list
	CodeRegionNotAllowed = "region_not_allowed" // the region is not one of the sender's
	CodeListAttribute    = "list_attribute"     // the code exists, but its entry does not allow this dataset
	CodeDuplicateKey     = "duplicate_key"      // a unique property holds a value twice
	CodeTooLarge         = "too_large"          // a record over the size limit
	CodeCell             = "cell"               // a spreadsheet's cell whose value is not certain
)

// maxErrorValue is how many bytes of an offending value an error quotes.
const maxErrorValue = 200

// RowError says what is wrong with one field of one record, and what to do about it.
type RowError struct {
	Row     int    `json:"row"`            // record number from 1
	Line    int    `json:"line,omitempty"` // line number from 1, for NDJSON and CSV
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"` // at most 200 bytes of the value
	// Sheet, Cell (such as B7) and Column (the heading) are the place in a workbook;
	// Line is the sheet's row number then.
	Sheet  string `json:"sheet,omitempty"`
	Cell   string `json:"cell,omitempty"`
	Column string `json:"column,omitempty"`

	say *saying // what Message is made from; nil once it went through JSON
}

// Error is the Chinese message with its place.
func (e *RowError) Error() string {
	at := e.Code
	if e.Field != "" {
		at += " " + e.Field
	}
	return at + ": " + e.Message
}

// In returns e with its message in lang: "en" or "zh" (anything else). An error
// that was read back from JSON keeps the message it had.
func (e *RowError) In(lang string) RowError {
	out := *e
	if e.say != nil {
		out.Message = e.say.in(lang)
	}
	return out
}

// saying is a message in both languages. It is kept as its parts because a decoder
// does not know the reader's language.
type saying struct {
	zh, en string
}

func (s *saying) in(lang string) string {
	if strings.HasPrefix(lang, "en") {
		return s.en
	}
	return s.zh
}

// BodyError refuses a whole body, because where its records begin and end is not
// certain: a body cut short, text after the end, a record over the limit.
type BodyError struct {
	RowError
}

func (e *BodyError) Error() string { return "body: " + e.RowError.Error() }

func bodyError(row int, code, zh, en string) *BodyError {
	return &BodyError{RowError{Row: row, Code: code, Message: zh, say: &saying{zh: zh, en: en}}}
}

// quote cuts v to maxErrorValue bytes at a character's end and makes it valid UTF-8.
func quote(v []byte) string {
	cut := len(v) > maxErrorValue
	if cut {
		n := maxErrorValue
		for n > maxErrorValue-utf8.UTFMax && !utf8.RuneStart(v[n]) {
			n--
		}
		v = v[:n]
	}
	s := strings.ToValidUTF8(string(v), "\uFFFD")
	if len(s) > maxErrorValue { // replacement characters are longer than what they replace
		n := maxErrorValue
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if cut {
		s += "…"
	}
	return s
}
