"""What the walkthrough says, in both languages."""

from __future__ import annotations

LANGUAGES = ("zh", "en")

STEPS: dict[str, tuple[str, str]] = {
    "account": (
        "一把密钥，一个账户：密钥能打开哪些接口，账上有多少钱可用。",
        "One key, one account: what the key opens, and how much money there is to order with.",
    ),
    "webhook": (
        "推送地址：登记一个接收端，从现在起的消息都会送到那里；签名密钥只显示这一次。",
        "A webhook endpoint: from now on, messages are sent to the merchant's receiver. The secret "
        "that signs them is shown this once.",
    ),
    "pool": (
        "商品池：平台向本商户开放、正在上架的商品编码。池外的商品等于不存在。",
        "The pool: codes of goods on shelf that the platform opened to this merchant. Anything "
        "else does not exist for it.",
    ),
    "details": (
        "商品详情：名称、类目路径、规格、图片、税率、起订量与倍数，供商户建自己的商品页。",
        "Details: name, category path, specs, images, tax rate, minimum and step, for the "
        "merchant's own product page.",
    ),
    "prices": (
        "价格：市场价、平台售价、本商户的采购价，以及转售不得低于的底价。",
        "Prices: market, platform sale, this merchant's purchase price, and the floor it may not "
        "resell below.",
    ),
    "stock": (
        "分地区库存：只答有或无，从不给数量。同一商品在上海有货，在广东可能没有。",
        "Stock by region: yes or no, never a number. What 上海 can get, 广东 may not.",
    ),
    "address": (
        "地址库：从一段地址文字找到区县编码，带候选与可信度；订单地址用这个编码。",
        "The address library: from free text to the district's code, ranked with a confidence; an "
        "order names that code.",
    ),
    "refused": (
        "被拒绝的下单：每一行错在哪里一次说清，且不占用库存、余额和单号。",
        "Refused orders: every line at fault is named at once, and no stock, money or number is "
        "used up.",
    ),
    "quote": (
        "报价：下单要过的检查全部走一遍，不动库存和余额；价格、拆单、每张子单的运费及其规则一次说清，"
        "报价单号在 15 分钟内锁定它们。",
        "A quote: every check of an order, without touching stock or money. It tells prices, split "
        "and the freight of each suborder with its rule; its number freezes them for 15 minutes.",
    ),
    "order": (
        "凭报价下单：锁库存、冻结金额，金额与报价分毫不差。货在两个仓，于是拆成两张子单。",
        "An order on the quote: locks stock, holds the amount, to the cent what was quoted. The "
        "goods lie in two warehouses, so it splits into two suborders.",
    ),
    "replay": (
        "回复丢了怎么办？带同一个 Idempotency-Key 原样再发，得到第一次的答复，不会重复下单。",
        "A reply got lost? The same request under the same Idempotency-Key gives the first "
        "answer, never a second order.",
    ),
    "confirm": (
        "确认：冻结转为付款，扣减余额与库存。重复确认得到同样的结果。",
        "Confirming: the hold becomes a payment, balance and stock are deducted, once.",
    ),
    "refund_claim": (
        "发货前退款：消费者改主意了。先问这张子单还能退什么，再为其中一件申请退款；申请期间这一件停止发货。"
        "重发同一张申请，还是同一张。（随后平台运营审核通过。）",
        "A refund before shipment: the consumer thought again. First ask what can be claimed, then "
        "claim one unit, which nobody ships meanwhile. The same claim again is the same claim. "
        "(Then the platform's operator approves it.)",
    ),
    "refunded": (
        "退款到账：等到 aftersale.completed 消息；按下单时的采购价退回余额，这一件重新可售。",
        "Refunded: wait for aftersale.completed. The money is back at the price that was paid, and "
        "the unit can be sold again.",
    ),
    "invoice": (
        "申请发票：登记抬头，再为已付款的订单申请电子发票；金额是实付减去已退，重复申请还是同一张。",
        "An invoice: a title first, then the request for the paid order, less what was refunded. "
        "The same request again is the same invoice.",
    ),
    "invoice_issued": (
        "（平台财务通过开票服务商开具。）等到 invoice.status_changed：号码、税额和 PDF 都有了。",
        "(The platform's finance has a provider issue it.) Wait for invoice.status_changed: the "
        "number of the tax office, the tax and the PDF are there.",
    ),
    "shipping": (
        "（平台运营用 manage.py import shipments 导入发货，先发一张子单里的一件。）",
        "(The platform's operator ships with manage.py import shipments, at first one unit of one "
        "suborder.)",
    ),
    "partly_shipped": (
        "部分发货：等到 shipment.created 消息，它带着整张订单；已发几件、还剩几件都在里面。"
        "（随后运营发出其余包裹。）",
        "Partly shipped: wait for shipment.created, which carries the whole order with what was "
        "shipped and what is left. (Then the operator sends the rest.)",
    ),
    "shipped": (
        "全部发货：再等消息，再查每张子单的包裹、承运商和运单号。",
        "Shipped: wait again, then read the parcels of each suborder with carrier and waybill.",
    ),
    "tracking": (
        "物流轨迹：按运单号查，状态与承运商无关；后台向物流服务商查询，签收自动更新到订单。",
        "Tracking: by waybill, in the same statuses whoever carries it. The worker asks the "
        "provider; delivery reaches the order by itself.",
    ),
    "receipt": (
        "确认收货：先收一张子单，再按父单号收下其余的。不确认也会到期自动收货。",
        "Receipt: of one suborder, then of the rest by the parent's number. Without it, parts "
        "count as received after a set time.",
    ),
    "return_claim": (
        "退货退款：收到的商品有一件不对。先上传照片（平台重新编码，去掉拍摄信息），再凭照片申请退货。"
        "（随后平台运营审核通过。）",
        "A return: one unit that came is not right. A picture is sent first (it is encoded anew, "
        "without what the camera told), then the claim that shows it. (Then the platform's "
        "operator approves it.)",
    ),
    "sent_back": (
        "寄回：审核通过后给出退货地址和期限；商户填报承运商与运单号，退货包裹同样可查轨迹。",
        "Sent back: the approval gives an address and a deadline. The merchant tells carrier and "
        "waybill, and the parcel can be tracked like any other.",
    ),
    "inspected": (
        "（平台仓库收货、验货：与预期相符，重新入库。）验收通过的部分退款到余额。",
        "(The warehouse receives and inspects it: as expected, back on the shelf.) What was "
        "accepted is refunded to the balance.",
    ),
    "credit_invoice": (
        "红字发票：开票之后又退了款，平台自动开出同额的红字发票，不必申请。",
        "A credit invoice: a refund came after the invoice, so the platform takes back as much by "
        "a red-letter invoice, unasked.",
    ),
    "timeline": (
        "资金时间线：这张订单冻结多少、付了多少、退了多少，逐行分摊，加起来分毫不差。",
        "The money's timeline: what was held, paid and refunded, with each line's share, adding up "
        "to the cent.",
    ),
    "statement": (
        "对账单：今天还没结束（period_open），昨天的可以出；答复 202，等到 statement.ready 消息。"
        "期初加各类合计等于期末。",
        "A statement: today is not over (period_open), yesterday is. The answer is 202, then wait "
        "for statement.ready. Opening and the totals by kind come to closing.",
    ),
    "statement_file": (
        "对账文件：凭密钥下载，再凭限时链接下载一次；SHA-256 与列出的一致，期初加各行等于期末。",
        "Its file: by the key, and once more by a link that works for some minutes. The SHA-256 is "
        "as listed, and opening and the rows come to closing.",
    ),
    "comparison": (
        "上传自己的账：多出一行平台从没见过的付款，有流水时再记错一分钱；报告逐行指出差异，"
        "并给出从我方期末到平台期末的过渡。",
        "The merchant's own books: a payment that the platform never saw, a cent off where there "
        "are entries. The report names each difference, and what leads from the merchant's closing "
        "to the platform's.",
    ),
    "bills": (
        "账单：有授信额度的商户每月一张，写明金额、到期日和已付；没有授信就没有账单。",
        "Bills: one a month for merchants with a credit line, with amount, due date and what came "
        "in for it; without a credit line there are none.",
    ),
    "messages": (
        "消息：这一天里平台说过的话，序号连续，一条不漏。",
        "Messages: what the platform told today, numbered without gaps.",
    ),
    "pushed": (
        "推送：同样的消息已自动到达商户的接收端，逐条验过签名，与消息流一字不差；随后删除推送地址。",
        "Pushed: the same messages came to the merchant's receiver by themselves, each properly "
        "signed and exactly as in the feed. Then the endpoint is deleted.",
    ),
    "ledger": (
        "账本：这张订单一笔付款、两笔退款，退款各自指明售后单号，并记下每一笔之后的余额。",
        "The ledger: one payment for this order and two refunds, each naming its claim, with the "
        "balance after each of them.",
    ),
    "top_up": (
        "充值：上报一笔转账，财务双人复核后入账；同一笔转账再报一次，还是同一张充值单。",
        "A top-up: a transfer is reported, and in the balance once finance approved it in twos; "
        "the same transfer again is the same top-up.",
    ),
    "done": (
        "一天结束：从商品池到付款、开票、发货、签收、售后、对上账，只用了一把密钥。",
        "The day is over: from the pool to a paid, invoiced, shipped, received and booked order "
        "with two claims, with only a key.",
    ),
}

FAILURES: dict[str, tuple[str, str]] = {
    "unreachable": ("无法连接 {base_url}：{reason}", "{base_url} cannot be reached: {reason}"),
    "status": (
        "{method} {path} 应答 {expected}，实际是 {status}：{answer}",
        "{method} {path} should have answered {expected} and answered {status}: {answer}",
    ),
    "field_missing": (
        "{path} 的应答里没有 {field}。",
        "The answer of {path} has no {field}.",
    ),
    "pool_empty": ("商品池里没有上架商品。", "There is nothing on shelf in the pool."),
    "entries_missing": (
        "批量接口应按编码逐一作答：{path}",
        "A batch read must answer each code in its order: {path}",
    ),
    "price_missing": ("商品 {sku} 没有采购价。", "There is no purchase price for {sku}."),
    "no_split_basket": (
        "找不到分处两仓、都能送到北京的商品；请在演示数据上运行。",
        "No two SKUs lie in different warehouses that both serve 北京; run this on the demo data.",
    ),
    "no_minimum": (
        "没有起订量大于 1 的在售商品，无法演示拒单。",
        "No SKU on shelf has a minimum above 1, so a refusal cannot be shown.",
    ),
    "no_region": (
        "地址库认不出“{address}”。",
        "The address library is not sure where {address} is.",
    ),
    "faults": (
        "拒单应说明 {expected}，实际是 {codes}。",
        "The refusal should have named {expected} and named {codes}.",
    ),
    "order_exists": (
        "被拒绝的单号 {number} 不应留下订单。",
        "The refused number {number} must not have left an order.",
    ),
    "not_split": ("订单 {number} 应被拆单。", "Order {number} should have been split."),
    "amounts": (
        "订单 {number} 的子单金额之和不等于订单金额。",
        "The suborders of {number} do not add up to the order.",
    ),
    "not_quoted": (
        "应能报价，实际是 {errors}。",
        "There should have been a quote; what stands against it is {errors}.",
    ),
    "not_as_quoted": (
        "订单 {number} 的金额与报价不同。",
        "The amounts of {number} are not those of the quote.",
    ),
    "not_replayed": (
        "重发应得到第一次的答复和订单 {number}。",
        "The retry should have given the first answer and order {number}.",
    ),
    "order_status": (
        "订单 {number} 的状态应为 {expected}，实际是 {status}。",
        "Order {number} should be {expected} and is {status}.",
    ),
    "not_shipped": (
        "等了 {seconds} 秒，订单 {number} 还没有全部发货。",
        "After {seconds} s order {number} is still not shipped completely.",
    ),
    "not_delivered": (
        "等了 {seconds} 秒，运单 {number} 还没有签收。",
        "After {seconds} s parcel {number} is still not delivered.",
    ),
    "events": (
        "运单 {number} 的轨迹没有按时间排列。",
        "The events of parcel {number} are not in order.",
    ),
    "timeline": (
        "订单 {number} 的资金应为 {expected}，实际是 {kinds}。",
        "The money of {number} should have been {expected} and was {kinds}.",
    ),
    "timeline_sums": (
        "订单 {number} 的资金时间线加不拢。",
        "The timeline of {number} does not add up.",
    ),
    "no_carrier": ("没有可用的承运商。", "There is no carrier to ship with."),
    "shipping_failed": ("发货导入失败：{reason}", "The import of shipments failed: {reason}"),
    "message_missing": (
        "消息里缺少 {expected}；收到的是 {types}。",
        "The messages lack {expected}; there were {types}.",
    ),
    "message_gap": (
        "消息序号不连续：{after} 之后是 {sequence}。",
        "The sequence has a gap: after {after} comes {sequence}.",
    ),
    "port_taken": (
        "无法在端口 {port} 接收推送：{reason}",
        "Webhooks cannot be received at port {port}: {reason}",
    ),
    "not_signed": (
        "收到的推送签名不对：{reason}",
        "A message was sent that is not properly signed: {reason}",
    ),
    "not_pushed": (
        "等了 {seconds} 秒，还没有收到推送 {missing}。",
        "After {seconds} s these were still not sent: {missing}.",
    ),
    "not_as_fed": (
        "第 {sequence} 号消息，推送与消息流不一致。",
        "Message {sequence} was not sent as the feed has it.",
    ),
    "ledger": (
        "订单 {number} 的账本应为 {expected}，实际是 {entries}。",
        "The ledger should have {expected} for order {number}; it has {entries}.",
    ),
    "nothing_claimable": (
        "子单 {number} 没有可以申请售后的商品。",
        "Nothing of suborder {number} can be claimed.",
    ),
    "no_reason": (
        "没有适用于 {type} 的售后原因。",
        "There is no reason on the list for a claim of type {type}.",
    ),
    "claim_amount": (
        "售后单 {number} 的退款应为 {expected}，实际是 {amount}。",
        "Claim {number} should come to {expected} and comes to {amount}.",
    ),
    "claim_status": (
        "售后单 {number} 的状态应为 {expected}，实际是 {status}。",
        "Claim {number} should be {expected} and is {status}.",
    ),
    "claim_messages": (
        "售后单 {number} 的消息应依次为 {expected}，实际是 {states}。",
        "The messages of claim {number} should have told {expected} and told {states}.",
    ),
    "not_decided": (
        "等了 {seconds} 秒，售后单 {number} 还没有处理。",
        "After {seconds} s claim {number} is still not dealt with.",
    ),
    "no_return_address": (
        "售后单 {number} 没有给出退货地址。",
        "Claim {number} has no address to return to.",
    ),
    "review_failed": (
        "平台一方的处理失败：{reason}",
        "What the platform's side had to do failed: {reason}",
    ),
    "not_told": (
        "等了 {seconds} 秒，还没有收到 {what} 的 {type} 消息。",
        "After {seconds} s there is still no {type} about {what}.",
    ),
    "statement_sums": (
        "对账单 {number} 的期末应为 {expected}，实际是 {closing}。",
        "Statement {number} should close with {expected} and closes with {closing}.",
    ),
    "file_digest": (
        "{number} 的文件 SHA-256 应为 {expected}，实际是 {digest}。",
        "The file of {number} should have the SHA-256 {expected} and has {digest}.",
    ),
    "report_failed": (
        "对账 {number} 没有成功：文件读不了。",
        "Report {number} was not made: the file could not be read.",
    ),
    "report": (
        "对账 {number} 应有 {expected}，实际是 {results}。",
        "Report {number} should have {expected} and has {results}.",
    ),
    "invoice_amount": (
        "发票 {number} 的金额应为 {expected}，实际是 {amount}。",
        "Invoice {number} should come to {expected} and comes to {amount}.",
    ),
    "bill_without_credit": (
        "没有授信额度的商户不应有账单。",
        "A merchant without a credit line should have no bills.",
    ),
    "top_up_twice": (
        "同一笔转账应仍是充值单 {number}。",
        "The same transfer should have been top-up {number} again.",
    ),
    "top_up_unseen": (
        "充值单 {number} 未经复核就动了余额。",
        "Top-up {number} moved the balance before anybody approved it.",
    ),
}


def say(texts: dict[str, tuple[str, str]], key: str, language: str, **facts: object) -> str:
    """A text in one of ``LANGUAGES``, with its facts filled in."""
    return texts[key][LANGUAGES.index(language)].format(**facts)
