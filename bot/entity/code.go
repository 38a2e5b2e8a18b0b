package entity

import (
	"regexp"
	"slices"
	"strings"
)

// compact takes the separators out of a code and raises its letters.
func compact(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func digitsOf(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// A code behind its name: letters and digits with single separators. Letters
// may stand apart from their digits ("kyf 176").
const (
	codeText = `((?:[a-z]{1,5}[ \-/_#.]?)?\d` + codeRest + `)`
	codeRest = `(?:[a-z0-9]|[\-/_.][a-z0-9]|[ ]\d|[ ](?:[a-z]\d|[a-z]{1,2}(?:\d| \d)))*`
	said     = `(?:number|no|num|nr|id|code|ref|reference|#|№|号码|编号|号|番号|コード|ナンバー)`
	behind   = `(?:\s*` + said + `[.:]?)*` +
		`(?:\s*(?:is|was|are|of|to|it's|its|that's|reads|says|should be|would be|for you is|there is|here|this|就是|应该是|是|为|是的|は|が|って|の方は|のほうは|ですが|だと|：|:|=|,|，|、|-|\(|「|【|\[|"|'|#|um|uh|er|那个|嗯|呃|えっと|えー|えーと|あの|です))*\s*`
)

var (
	trackingNamed = regexp.MustCompile(`(?:tracking|waybill|airway ?bill|awb|consignment|parcel (?:number|no|id)|courier (?:number|no|id)|shipment (?:number|no|id)|` +
		`快递单?号?码?|运单号?码?|物流单?号?码?|快遞單號|运输单号|追跡番号|追跡ナンバー|送り状番号|送り状|伝票番号|伝票|お問い?合わ?せ番号|問い合わせ番号|荷物番号|配送番号)` + behind + codeText)
	orderNamed = regexp.MustCompile(`(?:\borders?|\bconfirmation|\bpurchase|\breference|\bref\b|\bapplication|\bticket|\bcase\b|\breceipt|\brma|\bbooking|\bclaim|\bpo\b|` +
		`订单|訂單|单号|單號|定单|单子|那一?单|这一?单|编号|工单|受理单|受理|小票|流水|参考|凭证|预约单|预约|报修单|报修|维修单|服务单|投诉单|提货单|取货单|` +
		`注文|オーダー|受付|申込|申し込み|レシート|照会|受注|予約|お客様番号|ご注文)` + behind + codeText)
	// weaklyNamed are words that stand before sums and counts as well: what is
	// behind them is a code only if it is called a number, has letters, or is
	// long.
	weaklyNamed = regexp.MustCompile(`(?:\brefund|\breturn|\btransaction|\btransfer|\bcomplaint|\binvoice|\brequest|\bserial|\bapp\b|\bloan|\bpayment|` +
		`申请|退款|退货|换货|业务|交易|转账|贷款|発注|申請|返品|返金|整理|管理|取引|振込|交換|依頼|融資)(` + behind + `)` + codeText)
	calledNumber = regexp.MustCompile(said)
	// codeBefore is a code before its name: 61172の注文, 4711号订单, the 4711 order
	codeBefore  = regexp.MustCompile(`(?:^|[^a-z0-9.,，\-])((?:[a-z]{1,5}[\-#]?)?\d[\da-z\-]{2,19})\s?(?:号|番)?(?:的|这个|那个|这|那|の|号的)?\s?(?:订单|單|单子|号单|这单|那单|的单|注文|受付|申込|予約|order\b|booking\b|ticket\b)`)
	parcelNamed = regexp.MustCompile(`\b(?:parcel|package|shipment|包裹|荷物)` + behind + `([a-z0-9]{8,20})\b`)
	// otherNumber names numbers that no slot is for.
	otherNumber = regexp.MustCompile(`(?:\baccount|\bacct|\bmembership|\bsort code|\bimei|\bpuk|\bsim(?: card)?(?: serial)?|账号|帐号|账户|口座番号|口座|会员卡号|身份证号?码?|证件号?码?|会員番号|暗証番号|取货码)` + behind + `(\d[\d \-]{3,24}\d)`)
	// oneTime is a code that was sent to be typed in; what is longer behind it is
	// the telephone that it was sent to.
	oneTime  = regexp.MustCompile(`(?:验证码|認証コード|认证码)` + behind + `(\d{4,8})(?:[^\d\-]|$)`)
	caseWord = regexp.MustCompile(`^(?:in|on|at|to|of|for|is|the|and|or|by|my|no|a|an|from|i|was|its|it|with|but|not|pm|am|usd|rmb|jpy|about|over|paid|cost|only|past|since|than|like|have|had|got|been|took|will|day|days|these|those|all|are|has|you|we|did|do|so|if|as|item|items|iphone|size|ps|model|v|mp|covid|4g|5g|just|after|under|up|per|last|next|plan|max|code|line|card|phone|order|lamp|unit|room|floor|flat|apt|id|num|ref|case|me|us|then|ok|yes|yeah|hi|hey|er|um|uh|well|oh|that|this|sorry|wait|make|think|maybe|until|today|number|says|reads|only|both|here|now|also|please|until|with|still|say|got)[ .#]`)
)

func (s *search) namedCodes() {
	for _, m := range slices.Concat(otherNumber.FindAllStringSubmatchIndex(s.view.s, -1), oneTime.FindAllStringSubmatchIndex(s.view.s, -1)) {
		if s.opt.Pending != OrderNumber && s.free(m[2], m[3]) {
			s.taken = append(s.taken, span{m[2], m[3]})
		}
	}
	for _, p := range []struct {
		kind Kind
		re   *regexp.Regexp
	}{{TrackingNumber, trackingNamed}, {OrderNumber, orderNamed}} {
		for _, m := range p.re.FindAllStringSubmatchIndex(s.view.s, -1) {
			s.namedCode(p.kind, m[2], m[3])
		}
	}
	for _, m := range parcelNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		if code := compact(s.view.s[m[2]:m[3]]); len(code) >= 8 && digitsOf(code) < len(code) {
			s.namedCode(TrackingNumber, m[2], m[3])
		}
	}
	s.namedPhones()
	for _, m := range weaklyNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		code := compact(s.view.s[m[4]:m[5]])
		if calledNumber.MatchString(s.view.s[m[2]:m[3]]) || digitsOf(code) < len(code) && len(code) >= 5 || len(code) >= 6 {
			s.namedCode(OrderNumber, m[4], m[5])
		}
	}
	for _, m := range codeBefore.FindAllStringSubmatchIndex(s.view.s, -1) {
		if text := s.view.s[m[2]:m[3]]; !yearOnly.MatchString(text) && !looksLikeDate.MatchString(text) && !measureBefore.MatchString(s.view.s[:m[2]]) && digitsOf(text) >= 3 {
			s.add(OrderNumber, compact(text), m[2], m[3], true)
		}
	}
}

// wordInCode is a word of two letters or fewer that a code does not hold:
// "order 31008 to 7 Mill Lane".
var wordInCode = regexp.MustCompile(` (?:to|of|on|at|in|is|by|my|or|no|it|so|if|we|us|an|as|do|am|pm|a|i) `)

// codeEnd is where a code ends that such a word follows.
func codeEnd(text string) int {
	if at := wordInCode.FindStringIndex(text); at != nil {
		return at[0]
	}
	return len(text)
}

// namedCode takes a code whose name was said, unless what follows is a date, an
// amount or a length of time.
func (s *search) namedCode(kind Kind, from, to int) {
	to = from + codeEnd(s.view.s[from:to])
	text := s.view.s[from:to]
	for {
		at := caseWord.FindStringIndex(text)
		if at == nil {
			break
		}
		from, text = from+at[1], text[at[1]:]
	}
	if s.measured(from, to) || digitsOf(text) < 3 && len(compact(text)) < 4 {
		return
	}
	if kind == OrderNumber && s.wants(Phone) && !s.wants(OrderNumber) && s.barePhone(compact(text)) {
		s.add(Phone, s.phoneValue(text), from, to, true) // 业务号码13800138000
		return
	}
	s.add(kind, compact(text), from, to, true)
}

var (
	measureAfter  = regexp.MustCompile(`^\s*(?:days?|weeks?|hours?|hrs?|minutes?|mins?|months?|years?|times|items?|units?|boxes|copies|sets|pairs|bottles|pieces?|pcs|people|dollars?|bucks|pounds?|euros?|yuan|rmb|yen|usd|gb|mb|gigs?|meg|mbps|g\b|kg|cm|%|percent|am\b|pm\b|o'clock|元|块|圆|円|天|个|個|件|次|日|号(?:$|[^码楼单])|月|年|点|分|小时|周|岁|斤|万|人|名|回|本|枚|時|歳|点|ギガ|メガ|か月|ヶ月|週間|%|折|倍|楼|层|块钱|兆|期|多块|多元|张|笔|套|双|条|份|瓶|盒|箱|包|袋|台|部|辆|位|遍|礼拜|星期|季|卷|冊|缶|箇所|度|通|号室)`)
	measureBefore = regexp.MustCompile(`(?:[$£€¥￥]|\brmb|\busd|\brs\.?|\binr|hk\$|nt\$)\s*$`)
	yearOnly      = regexp.MustCompile(`^(?:19|20)\d\d$`)
)

// measured tells that a number counts or costs something.
func (s *search) measured(from, to int) bool {
	return measureAfter.MatchString(s.view.s[to:]) || measureBefore.MatchString(s.view.s[:from]) ||
		looksLikeDate.MatchString(s.view.s[from:to])
}

var looksLikeDate = regexp.MustCompile(`^(?:(?:19|20)\d\d[\-/.](?:0?[1-9]|1[0-2])[\-/.](?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)?\d\d)$`)

// Carriers' forms of tracking numbers (UPS, UPU S10, SF, YTO, JD, ZTO, STO).
var trackingForms = regexp.MustCompile(`\b(?:1z[0-9a-z]{8,16}|[a-z]{2}\d{9}[a-z]{2}|sf ?\d{10,15}|yt ?\d{13,15}|jd[a-z]{0,2}\d{10,15}|zto\d{10,14}|sto\d{10,14}|ems\d{9,13}|tba\d{12}|7\d{13})\b`)

func (s *search) trackingNumbers() {
	for _, m := range trackingForms.FindAllStringIndex(s.view.s, -1) {
		s.add(TrackingNumber, compact(s.view.s[m[0]:m[1]]), m[0], m[1], false)
	}
}

// codeLead and codeTail are what people say around a code that they were asked
// for.
var (
	codeLead = regexp.MustCompile(`^(?:[\s,，、。.:：「"'#]|(?:yes|yeah|sure|ok|okay|well|um|uh|er|erm|so|no|sorry|please|it's|it is|its|that's|that is|the (?:number|code|order|reference)(?: number)? is|my (?:number|order|reference)(?: number)? is|(?:the |my )?(?:order|reference|ref|receipt|case|ticket|booking|application)(?: number| no)?|it says|i think|here|is|number|` +
		`是的|好的|好|嗯|哦|呃|那个|就是|应该是|我的|号码|单号|订单号?|手机号|是|为|不对|` +
		`はい|ええと|えっと|えーと|えー|あの|番号は|番号|は))*`)
	codeTail  = regexp.MustCompile(`(?:[\s,，、。.!！?？」"']|please|thanks|thank you|i think|谢谢|吧|啊|的|哈|呢|这个|番|です|ですね|になります|だと思います|でお願いします|お願いします|ね|でしょうか)*$`)
	wholeCode = regexp.MustCompile(`^(?:[a-z]{1,5}[ \-/_#.]?)?\d` + codeRest + `$`)
)

// codeReply takes a reply that is nothing but a code as the code that was asked
// for, before it is read as anything else: 20250312 may be an order.
func (s *search) codeReply() {
	switch s.opt.Pending {
	case OrderNumber, TrackingNumber, CardTail, Phone:
	default:
		return
	}
	from := codeLead.FindStringIndex(s.view.s)[1]
	tail := codeTail.FindStringIndex(s.view.s[from:])
	to := from + tail[0]
	if from < to && wholeCode.MatchString(s.view.s[from:to]) && !monthStart.MatchString(s.view.s[from:to]) {
		s.bareCode(from, to)
	}
}

var monthStart = regexp.MustCompile(`^` + monthName + `\s`)

var bareCode = regexp.MustCompile(`(?:[a-z]{1,5}[ \-/_#.]?)?\d[a-z0-9]*(?:[\-/_. ][a-z]{0,2}\d[a-z0-9]*)*`)

// bareCodes are codes that nothing names. They become what was asked for, or
// what the topic wants, if they look like it; otherwise only codes with letters
// and digits and long digit strings are taken, as order numbers.
func (s *search) bareCodes() {
	for _, m := range bareCode.FindAllStringIndex(s.view.s, -1) {
		from, to := m[0], m[1]
		for {
			at := caseWord.FindStringIndex(s.view.s[from:to])
			if at == nil {
				break
			}
			from += at[1]
		}
		tail := from > 0 && s.view.s[from-1] == '\'' // "it's 61077"
		if letters, _, apart := strings.Cut(s.view.s[from:to], " "); apart && digitsOf(letters) == 0 && (tail || s.opt.Pending != OrderNumber && s.opt.Pending != TrackingNumber) {
			from += len(letters) + 1 // "order 4711": a word, unless a code was asked for
		}
		if from < to {
			to = from + codeEnd(s.view.s[from:to])
		}
		if from >= to || !s.free(from, to) || from > 0 && s.view.s[from-1] >= 'a' && s.view.s[from-1] <= 'z' {
			continue
		}
		s.bareCode(from, to)
	}
}

// wholePhone is as long as telephone numbers with their area are, and longer
// than most codes that are digits alone.
var wholePhone = regexp.MustCompile(`^(?:[2-9]\d{9}|1[3-9]\d{9}|0\d{9,10})$`)

func (s *search) bareCode(from, to int) {
	text := s.view.s[from:to]
	code := compact(text)
	digits, mixed := digitsOf(code), digitsOf(code) < len(code)
	if digits == 0 || len(code) > 32 || cardNumber(code) && s.opt.Pending != CardTail {
		return
	}
	switch s.opt.Pending {
	case OrderNumber, TrackingNumber:
		if len(code) >= 3 && (!s.measured(from, to) || len(code) > 5 && !looksLikeDate.MatchString(text)) && !s.hasNamed(s.opt.Pending) {
			s.add(s.opt.Pending, code, from, to, false)
		}
		return
	case CardTail:
		if !mixed && digits >= 3 && digits <= 4 {
			s.add(CardTail, code, from, to, false)
		} else if !mixed && digits >= 12 && digits <= 19 { // the whole number was said: only its end is kept
			s.add(CardTail, code[len(code)-4:], from, to, false)
		}
		return
	case Phone:
		if !mixed && digits >= 6 && digits <= 15 {
			s.add(Phone, s.phoneValue(text), from, to, false)
		}
		return
	case Amount, Date:
		return
	}
	if s.measured(from, to) || yearOnly.MatchString(code) || !mixed && digits >= 15 && digits <= 19 && !s.wants(OrderNumber) {
		return
	}
	if !mixed && s.wants(Phone) && wholePhone.MatchString(code) && s.barePhone(code) {
		s.add(Phone, s.phoneValue(text), from, to, false)
		return
	}
	for _, kind := range s.opt.Wanted {
		switch {
		case kind == CardTail && !mixed && digits == 4,
			kind == OrderNumber && (digits >= 5 || mixed && digits >= 3 && len(code) >= 5),
			kind == TrackingNumber && digits >= 8:
			s.add(kind, code, from, to, false)
			return
		case kind == Phone && !mixed && s.barePhone(code):
			s.add(Phone, s.phoneValue(text), from, to, false)
			return
		}
	}
	if mixed && digits >= 4 && len(code) >= 6 || !mixed && digits >= 8 {
		s.add(OrderNumber, code, from, to, false)
	}
}

// hasNamed tells that a value of the kind was found beside its name.
func (s *search) hasNamed(kind Kind) bool {
	for _, e := range s.found {
		if e.Kind == kind && e.Named {
			return true
		}
	}
	return false
}
