// Package hub is the exchange: it receives submissions, checks them against
// their contracts, makes them durable, hands them to ClickHouse and answers
// questions about them. New, Run and Close are the only wiring there is.
package hub

// Hub is one running exchange process.
type Hub struct {
	cfg Config
}
