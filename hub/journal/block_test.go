package journal

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

func sample() *Block {
	b := &Block{
		ID: [16]byte{1, 2, 3}, Sequence: 77, ReceivedAt: time.UnixMilli(1_700_000_000_123).UTC(), KID: "r-1", Signature: bytes.Repeat([]byte{7}, 64),
		Submissions: []Submission{
			{Dataset: "tourism_flow", Contract: "1.0.0", Agency: "dazu", Client: "c-1", Received: 3, Accepted: 2, Rejected: 1, Superseded: 1, Bytes: 99, Partial: true, Rejects: []byte("{}\n")},
			{Dataset: "tourism_flow", Contract: "1.0.0", Agency: "ziyang", Client: "c-2", Kind: Retraction, Reason: "误报", Received: 1, Accepted: 1, Section: 1, KeyHash: [16]byte{9}},
			{Dataset: "park_monthly", Contract: "1.1.0", Agency: "ziyang", Client: "c-2", Section: -1, Columns: []string{"a", "b"}, Parts: []Part{{5, 100, 2}, {6, 1, 0}}, Received: 103, Accepted: 101, Rejected: 2},
			{Dataset: "scenic_spot", Contract: "1.0.0", Agency: "dazu", Client: "c-1", List: []byte(`{"set":[]}`)},
		},
		Sections: []Section{
			{Dataset: "tourism_flow", Contract: "1.0.0", Columns: []string{"spot_id", "entries"}, Rows: 2, RowNumbers: []uint32{3, 1}, Frames: []byte("frames")},
			{Dataset: "tourism_flow", Contract: "1.0.0", Columns: []string{"spot_id"}, Rows: 1, Deleted: true, Frames: []byte("x")},
		},
	}
	b.Submissions[0].SHA256 = [32]byte{1}
	return b
}

func TestBlockComesBackAsItWas(t *testing.T) {
	want := sample()
	got, err := ParseBlock(AppendBlock(nil, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	frame := AppendBlock(nil, sample())
	for i := range frame {
		for bit := range 8 {
			frame[i] ^= 1 << bit
			if _, err := ParseBlock(frame); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			frame[i] ^= 1 << bit
		}
	}
	for n := range frame {
		if _, err := ParseBlock(frame[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestPartComesBackAsItWas(t *testing.T) {
	want := Section{Dataset: "d", Contract: "1.0.0", Columns: []string{"a"}, Rows: 2, Frames: []byte("f")}
	got, rejects, err := ParsePart(AppendPart(nil, &want, []byte("r")))
	if err != nil || string(rejects) != "r" || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v %q %v", got, rejects, err)
	}
}

// FuzzBlock feeds bodies with a right checksum: no shape may panic or take memory
// that the frame does not pay for, and what parses must be written as it was read.
func FuzzBlock(f *testing.F) {
	f.Add(AppendBlock(nil, sample())[frameHead:])
	f.Add(AppendPart(nil, &Section{Columns: []string{"a"}, Rows: 1, RowNumbers: []uint32{4}}, nil)[frameHead:])
	f.Fuzz(func(t *testing.T, body []byte) {
		frame := seal(append([]byte("ZJB1\x00\x00\x00\x00\x00\x00\x00\x00"), body...))
		if b, err := ParseBlock(frame); err == nil {
			again, err := ParseBlock(AppendBlock(nil, b))
			if err != nil || !reflect.DeepEqual(again, b) {
				t.Fatalf("read, written and read again: %v\n%+v\n%+v", err, b, again)
			}
		}
		part := seal(append([]byte("ZJP1\x00\x00\x00\x00\x00\x00\x00\x00"), body...))
		_, _, _ = ParsePart(part)
	})
}
