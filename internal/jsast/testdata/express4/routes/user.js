exports.list = function (req, res) { res.send('list') }
exports.show = function (req, res) { res.send('show') }
