package httpapi

// ICEServer is a STUN or TURN server for browsers, in the form that
// RTCPeerConnection takes (W3C WebRTC §4.2.1). The credential reaches those who
// may call, and no log.
type ICEServer struct {
	URLs       []string `json:"urls" doc:"Such as stun:stun.example.org:3478 or turn:turn.example.org:3478?transport=udp"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}
