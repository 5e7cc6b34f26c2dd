package drive

import "encoding/json"

// The lines of docs/peer-protocol.md, which says what each field means. Bytes
// are base64 text here, so that a message which is no base64 can be answered.

// instruction is a line that the harness writes. One of the fields is there.
type instruction struct {
	Hello *hello   `json:"hello"`
	Call  *call    `json:"call"`
	Close *closing `json:"close"`
}

// answer is a line for the harness. One of the fields is there.
type answer struct {
	Hello       *hello       `json:"hello,omitempty"`
	Result      *result      `json:"result,omitempty"`
	Unsupported *unsupported `json:"unsupported,omitempty"`
}

type hello struct {
	Protocol       int      `json:"protocol"`
	Implementation string   `json:"implementation"`
	Version        string   `json:"version"`
	Features       []string `json:"features"`
	MaxInFlight    int      `json:"max_in_flight"`
}

type call struct {
	// ID is repeated in the answer, so it is kept as it was written.
	ID     json.Number `json:"id"`
	Target string      `json:"target"`
	TLS    *tlsOptions `json:"tls"`
	Method string      `json:"method"`
	// Channel and Send are read by themselves, so that what makes no sense in them can
	// be answered.
	Channel         json.RawMessage `json:"channel"`
	Send            json.RawMessage `json:"send"`
	TimeoutMillis   *int64          `json:"timeout_ms"`
	Metadata        []pair          `json:"metadata"`
	Compression     string          `json:"compression"`
	CancelAfter     *int            `json:"cancel_after_messages"`
	ReadDelayMillis *int64          `json:"read_delay_ms"`
	Raw             bool            `json:"raw"`
}

type tlsOptions struct {
	CA          string `json:"ca"`
	ServerName  string `json:"server_name"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type closing struct {
	Target string `json:"target"`
}

type result struct {
	ID       json.Number `json:"id"`
	Steps    int         `json:"steps"`
	Messages []string    `json:"messages"`
	Status   callStatus  `json:"status"`
	Headers  []pair      `json:"headers"`
	Trailers []pair      `json:"trailers"`
}

type callStatus struct {
	Code    uint32 `json:"code"`
	Message string `json:"message"`
	Details string `json:"details"`
}

// pair is the name and the value of one metadata entry.
type pair [2]string

type unsupported struct {
	ID  json.Number `json:"id"`
	Why string      `json:"why"`
}
