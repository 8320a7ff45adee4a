package analytics

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Row groups are what a Parquet file is made of and what is held until it is written:
// whichever of these is reached first ends one.
const (
	rowGroupRows  = 64 << 10
	rowGroupBytes = 32 << 20 // of text as ClickHouse sent it

	parquetBatch      = 1024    // rows handed to the columns at once
	parquetDictionary = 1 << 20 // bytes; a column with more distinct texts is written plainly from there on
	decimalBytes      = 16      // of a decimal with more than 18 digits
)

// parquetCompression is shared, for its encoders are: 16 MiB each.
var parquetCompression = &zstd.Codec{Level: zstd.SpeedFastest}

// parquetEncoder writes Parquet as it comes, in row groups: typed columns, all of them
// nullable, compressed with zstd; the question and its answer's state in the footer.
type parquetEncoder struct {
	w       io.Writer
	head    Head
	file    *parquet.GenericWriter[any]
	columns []parquetColumn
	batched int // rows in the columns' batches
	rows    int // of the row group
	bytes   int // of the row group's texts
}

// parquetColumn turns cells into values of one column.
type parquetColumn struct {
	*Column
	value func(b []byte, text string) (parquet.Value, []byte, error)
	batch []parquet.Value
	texts []byte // behind the values of the batch
}

// parquetSchema is a group whose fields keep the answer's order; parquet.Group has them
// by name.
type parquetSchema struct {
	parquet.Group
	fields []parquet.Field
}

func (s parquetSchema) Fields() []parquet.Field { return s.fields }

func (e *parquetEncoder) Begin(head Head) error {
	e.head = head
	group := parquet.Group{}
	e.columns = make([]parquetColumn, len(head.Columns))
	for i := range head.Columns {
		c := &head.Columns[i]
		node, value := parquetType(c)
		group[c.Name] = parquet.Optional(node)
		e.columns[i] = parquetColumn{Column: c, value: value, batch: make([]parquet.Value, 0, parquetBatch)}
	}
	if len(group) != len(head.Columns) {
		return fmt.Errorf("columns of one name: %v", head.Columns) // names of an answer are distinct
	}
	byName := map[string]parquet.Field{}
	for _, field := range group.Fields() {
		byName[field.Name()] = field
	}
	schema := parquetSchema{Group: group}
	for i := range head.Columns {
		schema.fields = append(schema.fields, byName[head.Columns[i].Name])
	}
	e.file = parquet.NewGenericWriter[any](e.w, parquet.NewSchema("zida", schema),
		parquet.Compression(parquetCompression), parquet.DictionaryMaxBytes(parquetDictionary), parquet.CreatedBy("zida", "", ""))
	return nil
}

// parquetType is a column's type in the file, and how a cell becomes a value of it.
func parquetType(c *Column) (parquet.Node, func([]byte, string) (parquet.Value, []byte, error)) {
	switch c.Type {
	case typeInteger:
		return parquet.Int(64), func(b []byte, text string) (parquet.Value, []byte, error) {
			n, err := strconv.ParseInt(text, 10, 64)
			return parquet.Int64Value(n), b, err
		}
	case typeNumber:
		return parquet.Leaf(parquet.DoubleType), func(b []byte, text string) (parquet.Value, []byte, error) {
			f, err := strconv.ParseFloat(text, 64)
			return parquet.DoubleValue(f), b, err
		}
	case typeBoolean:
		return parquet.Leaf(parquet.BooleanType), func(b []byte, text string) (parquet.Value, []byte, error) {
			v, err := strconv.ParseBool(text)
			return parquet.BooleanValue(v), b, err
		}
	case typeDate:
		return parquet.Date(), func(b []byte, text string) (parquet.Value, []byte, error) {
			t, err := time.Parse(time.DateOnly, text)
			return parquet.Int32Value(int32(t.Unix() / 86400)), b, err // exact: the day begins at midnight UTC
		}
	case typeInstant:
		return parquet.Timestamp(parquet.Millisecond), func(b []byte, text string) (parquet.Value, []byte, error) {
			n, err := strconv.ParseInt(text, 10, 64)
			return parquet.Int64Value(n), b, err
		}
	case typeDecimal:
		return parquetDecimal(c.Precision, c.Scale)
	}
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary), func(b []byte, text string) (parquet.Value, []byte, error) {
		at := len(b)
		b = append(b, text...)
		return parquet.ByteArrayValue(b[at:len(b):len(b)]), b, nil
	}
}

// parquetDecimal is a decimal in the narrowest form that readers know: 32 or 64 bits, or
// 16 bytes.
func parquetDecimal(precision, scale int) (parquet.Node, func([]byte, string) (parquet.Value, []byte, error)) {
	precision = max(precision, scale, 1)
	switch {
	case precision <= 9:
		return parquet.Decimal(scale, precision, parquet.Int32Type), func(b []byte, text string) (parquet.Value, []byte, error) {
			n, err := strconv.ParseInt(unscaled(text, scale), 10, 32)
			return parquet.Int32Value(int32(n)), b, err
		}
	case precision <= 18:
		return parquet.Decimal(scale, precision, parquet.Int64Type), func(b []byte, text string) (parquet.Value, []byte, error) {
			n, err := strconv.ParseInt(unscaled(text, scale), 10, 64)
			return parquet.Int64Value(n), b, err
		}
	}
	return parquet.Decimal(scale, precision, parquet.FixedLenByteArrayType(decimalBytes)), func(b []byte, text string) (parquet.Value, []byte, error) {
		n, ok := new(big.Int).SetString(unscaled(text, scale), 10)
		if !ok || n.BitLen() >= 8*decimalBytes {
			return parquet.Value{}, b, fmt.Errorf("%q does not fit into %d digits", text, precision)
		}
		if n.Sign() < 0 { // two's complement
			n.Add(n, new(big.Int).Lsh(big.NewInt(1), 8*decimalBytes))
		}
		at := len(b)
		b = append(b, make([]byte, decimalBytes)...)
		n.FillBytes(b[at:])
		return parquet.FixedLenByteArrayValue(b[at:len(b):len(b)]), b, nil
	}
}

// unscaled is a decimal's digits without the point, with scale of them behind it.
func unscaled(text string, scale int) string {
	whole, fraction, _ := strings.Cut(text, ".")
	if n := scale - len(fraction); n > 0 {
		fraction += strings.Repeat("0", n)
	}
	return whole + fraction
}

func (e *parquetEncoder) Row(cells []Cell) error {
	for i := range e.columns {
		c := &e.columns[i]
		if cells[i].Null {
			c.batch = append(c.batch, parquet.NullValue().Level(0, 0, i))
			continue
		}
		value, texts, err := c.value(c.texts, cells[i].Text)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		c.texts = texts
		c.batch = append(c.batch, value.Level(0, 1, i))
		e.bytes += len(cells[i].Text)
	}
	e.rows++
	if e.batched++; e.batched < parquetBatch && e.bytes < rowGroupBytes {
		return nil
	}
	if err := e.flushBatch(); err != nil {
		return err
	}
	if e.rows < rowGroupRows && e.bytes < rowGroupBytes {
		return nil
	}
	e.rows, e.bytes = 0, 0
	return e.file.Flush()
}

// flushBatch hands the rows to the columns, which copy them.
func (e *parquetEncoder) flushBatch() error {
	for i, column := range e.file.ColumnWriters() {
		c := &e.columns[i]
		if _, err := column.WriteRowValues(c.batch); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		c.batch, c.texts = c.batch[:0], c.texts[:0]
	}
	e.batched = 0
	return nil
}

func (e *parquetEncoder) End(tail Tail) error {
	if err := e.flushBatch(); err != nil {
		return err
	}
	metadata, err := e.head.metadata(tail, time.Now())
	if err != nil {
		return err
	}
	for key, value := range metadata {
		e.file.SetKeyValueMetadata(key, value)
	}
	return e.file.Close()
}

// Close has nothing to give back: what is buffered is the collector's.
func (e *parquetEncoder) Close() error { return nil }
