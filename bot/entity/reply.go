package entity

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	replyLead = regexp.MustCompile(`(?i)^(?:(?:yes|yeah|sure|ok|okay|well|um|uh|er|so|no|sorry|please|it's|it is|its|that's|that is|that would be|the (?:name|address|product|item) is|my (?:new )?(?:name|address) is|i'm|i am|this is|name|address|` +
		`是的?|好的?|嗯|哦|呃|那个|就是|我是|我叫|叫|应该是|不对|不是|地址是?|新地址是?|名字是?|送到|寄到|改成|` +
		`はい|ええ|ええと|えっと|えーと|あの|あのー|いえ|いや|住所は|名前は|氏名は|商品は|宛先は|新しい住所は)[\s,，、。.:：]*)+`)
	replyTail = regexp.MustCompile(`(?i)[\s,，、。.!！]*(?:please|thanks|thank you|speaking|here|谢谢|吧|啊|的|哈|呢|です|ですね|でございます|と申します|といいます|になります|だよ|だ|でお願いします|お願いします|ね)*[\s,，、。.!！]*$`)
	question  = regexp.MustCompile(`(?i)[?？]\s*$|^\s*(?:what|why|when|where|who|how|can|could|do|does|is there|i (?:want|need|don't|can't)|为什么|怎么|什么|哪|能不能|可以|我要|我想|不知道|なぜ|どう|いつ|どこ|何)|吗\s*$|ですか\s*$|ますか\s*$|分かりません|わかりません`)
)

// wholeReply takes the answer to the question for a name, an address or a
// product as a whole, when no pattern found it in there.
func (s *search) wholeReply() {
	kind := s.opt.Pending
	if kind != Name && kind != Address && kind != Product || s.has(kind) {
		return
	}
	text := s.view.s
	from, to := 0, len(text)
	if m := replyLead.FindStringIndex(text); m != nil {
		from = m[1]
	}
	if m := replyTail.FindStringIndex(text[from:]); m != nil {
		to = from + m[0]
	}
	from += len(text[from:to]) - len(strings.TrimLeft(text[from:to], " "))
	if from >= to || question.MatchString(text) {
		return
	}
	said := s.view.said(from, to)
	runes, words, hasDigit := utf8.RuneCountInString(said), len(strings.Fields(said)), strings.ContainsFunc(said, unicode.IsDigit)
	switch kind {
	case Name:
		han := strings.ContainsFunc(said, func(r rune) bool { return r >= 0x2e80 })
		if hasDigit || words > 4 || runes < 2 || han && runes > 8 || strings.ContainsAny(said, ",，。、") || notName[strings.ToLower(said)] {
			return
		}
	case Address:
		if runes < 5 || runes > 150 || !hasDigit && words < 3 && runes < 6 {
			return
		}
		s.drop(from, to) // numbers in it are part of it
	case Product:
		if runes < 2 || runes > 60 || words > 8 {
			return
		}
	}
	s.add(kind, said, from, to, false)
}

// drop gives up what was found within a place.
func (s *search) drop(from, to int) {
	start, end := s.view.place(from, to)
	kept, spans := s.found[:0], s.taken[:0]
	for i, e := range s.found {
		if e.Start >= start && e.End <= end && !e.Named && e.Kind != Phone && e.Kind != Email {
			continue
		}
		kept, spans = append(kept, e), append(spans, s.taken[i])
	}
	s.found, s.taken = kept, spans
}
