package engine

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// Error is what ClickHouse answered: its own code, name and text.
type Error struct {
	Code    int32
	Name    string // as UNKNOWN_TABLE
	Message string // in ClickHouse's words: for logs and operators, not for strangers
}

func (e *Error) Error() string { return fmt.Sprintf("ClickHouse %d %s: %s", e.Code, e.Name, e.Message) }

// Temporary says that the same may well succeed later: the trouble was load, memory, disk or connection, not what was sent.
func (e *Error) Temporary() bool { return temporaryCodes[e.Code] }

// Temporary sorts any error of Insert, Conn or Reader: false only where ClickHouse refused what was sent. Everything else (connection,
// context, a server that is restarting or short of memory) is worth sending again.
func Temporary(err error) bool {
	refusal, ok := AsError(err)
	return err != nil && (!ok || refusal.Temporary())
}

// AsError finds ClickHouse's own answer in an error of Insert, Conn or Reader.
func AsError(err error) (*Error, bool) {
	var own *Error
	if errors.As(err, &own) {
		return own, true
	}
	var native *clickhouse.Exception
	if errors.As(err, &native) {
		return newError(native.Code, native.Message), true
	}
	return nil, false
}

// What says nothing against the data: load, files, memory, connections, coordination, access.
var temporaryCodes = codeSet(
	proto.ErrCannotReadFromFileDescriptor, proto.ErrCannotWriteToFileDescriptor, proto.ErrCannotOpenFile, proto.ErrCannotCloseFile,
	proto.ErrCannotFsync, proto.ErrCannotCreateFile, proto.ErrCannotCreateDirectory, proto.ErrNotEnoughSpace,
	proto.ErrCannotReadFromSocket, proto.ErrCannotWriteToSocket, proto.ErrSocketTimeout, proto.ErrNetworkError, proto.ErrDNSError,
	proto.ErrTimeoutExceeded, proto.ErrTooSlow, proto.ErrQueryWasCancelled, proto.ErrQueryWasCancelledByClient, proto.ErrAborted,
	proto.ErrCannotAllocateMemory, proto.ErrMemoryLimitExceeded, proto.ErrCannotScheduleTask, proto.ErrSystemError,
	proto.ErrQuotaExpired, proto.ErrTooManySimultaneousQueries, proto.ErrServerOverloaded, proto.ErrTooManyParts, proto.ErrTooManyMutations,
	proto.ErrNoFreeConnection, proto.ErrAllConnectionTriesFailed, proto.ErrTableIsReadOnly, proto.ErrTableIsBeingRestarted,
	proto.ErrPartIsTemporarilyLocked, proto.ErrDeadlockAvoided, proto.ErrUnfinished,
	proto.ErrNoZookeeper, proto.ErrKeeperException, proto.ErrTooFewLiveReplicas, proto.ErrUnsatisfiedQuorumForPreviousWrite,
	proto.ErrNoActiveReplicas, proto.ErrAllReplicasAreStale, proto.ErrUnknownStatusOfInsert, proto.ErrS3Error,
	proto.ErrAuthenticationFailed, proto.ErrAccessDenied, // of the set-up, which an operator mends
	proto.ErrPocoException, proto.ErrStdException, proto.ErrUnknownException, // where the server died, not why
)

func codeSet(codes ...proto.Error) map[int32]bool {
	set := make(map[int32]bool, len(codes))
	for _, code := range codes {
		set[int32(code)] = true
	}
	return set
}

var exceptionText = regexp.MustCompile(`(?s)Code: (\d+)\. (DB::Exception: .*)`)

func newError(code int32, message string) *Error {
	return &Error{Code: code, Name: proto.Error(code).String(), Message: strings.TrimSpace(message)}
}

// httpError reads an exception out of an answer, nil where there is none. The status alone does not decide: a failure after the first
// byte of an answer comes with 200.
func httpError(response *http.Response, answer []byte) error {
	header := response.Header.Get("X-ClickHouse-Exception-Code")
	match := exceptionText.FindSubmatch(answer)
	if response.StatusCode == http.StatusOK && header == "" && match == nil {
		return nil
	}
	digits, message := header, string(answer)
	if match != nil {
		digits, message = string(match[1]), string(match[2])
	}
	code, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return fmt.Errorf("ClickHouse answered %s: %.200s", response.Status, answer) // a proxy's words, perhaps: no refusal of the data
	}
	return newError(int32(code), message)
}
