exports.home = (req, res) => res.send('home')
exports.help = async (req, res) => res.send('help')
