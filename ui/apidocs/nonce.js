// ReDoc makes style elements as it loads, before it can be told the nonce that the policy wants.
;(() => {
  const { nonce } = document.documentElement.dataset
  const make = Document.prototype.createElement
  Document.prototype.createElement = function (...what) {
    const element = make.apply(this, what)
    if (element instanceof HTMLStyleElement) element.nonce = nonce
    return element
  }
})()
