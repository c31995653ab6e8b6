//! Names for runs that were given none: `amber-willow-417`.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

/// The longest name that is made.
pub const MAX_LENGTH: usize = 20;

/// The largest number in a name, included.
const MAX_NUMBER: u16 = 1000;

/// A random name: a predicate, a noun and a number, joined by dashes.
///
/// No word is longer than seven letters, so that every name fits [`MAX_LENGTH`].
pub fn random_run_name() -> String {
    let mut rng = rand::rng();
    // The lists are not empty, which a test checks.
    let predicate = PREDICATES.choose(&mut rng).copied().unwrap_or("plain");
    let noun = NOUNS.choose(&mut rng).copied().unwrap_or("branch");
    format!("{predicate}-{noun}-{}", rng.random_range(0..=MAX_NUMBER))
}

#[rustfmt::skip]
const PREDICATES: &[&str] = &[
    "able", "acute", "airy", "alert", "alpine", "amber", "ample", "ancient", "apt", "arched", "arctic", "ardent",
    "ashen", "astral", "autumn", "awake", "azure", "balmy", "basic", "benign", "blithe", "bluish", "bonny", "bouncy",
    "brassy", "breezy", "bright", "brisk", "bronze", "bubbly", "buoyant", "calm", "candid", "casual", "central",
    "chalky", "chatty", "chilly", "chipper", "civic", "classic", "clean", "clear", "clever", "cloudy", "coastal",
    "cobalt", "compact", "copper", "coral", "cordial", "cosmic", "cosy", "creamy", "crimson", "crisp", "cubic",
    "curly", "current", "dainty", "dapper", "daring", "deep", "deft", "dense", "dewy", "direct", "distant", "downy",
    "dreamy", "dusky", "dusty", "eager", "early", "earnest", "earthy", "eastern", "easy", "ebony", "elastic",
    "elegant", "equal", "even", "exact", "expert", "fabled", "fair", "famous", "fancy", "fast", "feisty", "fertile",
    "festive", "fine", "firm", "fleecy", "fleet", "floral", "fluent", "fluffy", "flying", "focal", "foggy", "fond",
    "formal", "fragile", "frank", "free", "fresh", "frosty", "frugal", "full", "fuzzy", "gallant", "gentle",
    "genuine", "giant", "gifted", "gilded", "glad", "glassy", "glossy", "glowing", "golden", "grand", "grassy",
    "great", "green", "growing", "hale", "handy", "happy", "hardy", "hazel", "hazy", "healthy", "hearty", "hidden",
    "high", "hollow", "honest", "hopeful", "humble", "icy", "ideal", "indigo", "inland", "intent", "inward", "iron",
    "ivory", "jade", "jaunty", "jolly", "jovial", "joyful", "just", "keen", "kind", "knowing", "latent", "lavish",
    "leafy", "lean", "level", "light", "limber", "linear", "lively", "local", "lofty", "long", "loyal", "lucid",
    "lucky", "lunar", "lush", "maiden", "major", "maroon", "mature", "mellow", "merry", "mighty", "mild", "minted",
    "misty", "modern", "modest", "mossy", "motley", "muted", "narrow", "native", "neat", "new", "nimble", "noble",
    "normal", "novel", "oaken", "ochre", "olive", "onyx", "opal", "open", "optimal", "orange", "orderly", "outer",
    "oval", "paired", "pale", "pastel", "patient", "pearly", "peppy", "perky", "pine", "pink", "placid", "plain",
    "plucky", "plum", "poetic", "poised", "polar", "polite", "prime", "proper", "proud", "prudent", "pure", "purple",
    "quaint", "quick", "quiet", "radiant", "rainy", "rapid", "rare", "ready", "regal", "rich", "ripe", "rising",
    "robust", "rooted", "rosy", "round", "rugged", "rural", "russet", "rustic", "sage", "sandy", "scarlet", "scenic",
    "sedate", "serene", "shady", "sharp", "shiny", "silent", "silken", "silver", "simple", "sincere", "sleek",
    "slender", "smart", "smooth", "snowy", "snug", "soaring", "sober", "solar", "solid", "sonic", "sound", "sparse",
    "spry", "square", "stable", "starry", "stately", "steady", "steep", "stellar", "still", "stormy", "stout",
    "strong", "sturdy", "suave", "subtle", "sunlit", "sunny", "supple", "sure", "swift", "tacit", "tall", "tame",
    "tawny", "tender", "tidal", "tidy", "tiny", "topaz", "true", "trusty", "twin", "unified", "upbeat", "upland",
    "upper", "upright", "urban", "useful", "valiant", "valid", "vast", "velvet", "verdant", "vernal", "vibrant",
    "violet", "vital", "vivid", "vocal", "warm", "western", "whole", "wide", "wild", "windy", "winged", "wintry",
    "wise", "witty", "woody", "woven", "young", "zealous", "zesty", "zippy",
];

#[rustfmt::skip]
const NOUNS: &[&str] = &[
    "acacia", "acorn", "aerie", "alder", "algae", "alloy", "almond", "anchor", "anemone", "angle", "anvil", "apple",
    "apricot", "arbor", "arch", "archive", "arrow", "aspen", "atlas", "atoll", "atom", "aurora", "avocet", "axle",
    "azalea", "badger", "balsam", "bamboo", "banyan", "barley", "basalt", "basin", "bay", "bayou", "beacon", "beaver",
    "beech", "beetle", "begonia", "bellows", "berry", "birch", "bison", "bluff", "bobcat", "bough", "boulder",
    "bracken", "bramble", "branch", "breeze", "bridge", "brook", "bud", "bunting", "burrow", "bush", "cabin",
    "cactus", "cairn", "camel", "canal", "canopy", "canyon", "cape", "caraway", "cargo", "carob", "cascade", "cashew",
    "castle", "cavern", "cedar", "cello", "chamois", "cherry", "cicada", "cirrus", "citron", "clay", "cliff",
    "clover", "cluster", "coast", "comet", "compass", "condor", "cone", "copse", "coral", "cork", "cosmos", "cotton",
    "cove", "coyote", "crag", "crane", "crater", "creek", "cricket", "crocus", "crow", "crystal", "cumulus", "curlew",
    "current", "cypress", "dahlia", "daisy", "dale", "dam", "dawn", "deer", "delta", "desert", "dew", "dingo",
    "dolphin", "dome", "dove", "drift", "drum", "dune", "dusk", "eagle", "echo", "eclipse", "eddy", "egret", "elder",
    "elk", "elm", "ember", "ermine", "estuary", "falcon", "fauna", "feather", "fennel", "fern", "ferry", "fig",
    "finch", "fir", "firefly", "fjord", "flame", "flax", "flint", "flora", "flute", "foal", "forest", "forge",
    "fossil", "fox", "galaxy", "gale", "garden", "garnet", "gazelle", "gecko", "geode", "geyser", "gibbon", "ginger",
    "ginkgo", "glacier", "glade", "glen", "gnu", "goose", "gorge", "gorse", "granite", "grape", "grass", "gravel",
    "grotto", "grove", "gulf", "gull", "hamlet", "harbor", "hare", "harp", "harvest", "haven", "hawk", "hazel",
    "hearth", "heath", "heather", "hedge", "helium", "hemlock", "herb", "heron", "hickory", "hill", "hive", "holly",
    "hoopoe", "horizon", "hornet", "ibex", "ibis", "iguana", "inlet", "iris", "island", "isle", "ivy", "jackal",
    "jaguar", "jasmine", "jasper", "jay", "jetty", "juniper", "kayak", "kelp", "kestrel", "kiln", "kite", "knoll",
    "koala", "lagoon", "lake", "lantern", "larch", "lark", "laurel", "lava", "leaf", "ledge", "lemon", "lemur",
    "lichen", "lilac", "lily", "lime", "linden", "linnet", "lion", "llama", "lobster", "locust", "loom", "lotus",
    "lupin", "lynx", "lyre", "magma", "magpie", "mallow", "mango", "maple", "marble", "marlin", "marmot", "marsh",
    "marten", "meadow", "medlar", "melon", "merlin", "mesa", "meteor", "mica", "mill", "mimosa", "mineral", "mink",
    "mint", "mist", "monsoon", "moon", "moor", "moose", "moraine", "moss", "moth", "mulch", "myrtle", "narwhal",
    "nebula", "nectar", "nest", "nettle", "newt", "nimbus", "node", "nova", "nutmeg", "oak", "oasis", "oat", "ocean",
    "ocelot", "olive", "onyx", "orbit", "orchard", "orchid", "oriole", "osprey", "otter", "owl", "oyster", "palm",
    "pampas", "panda", "pansy", "papaya", "parsley", "pass", "path", "peach", "peak", "peanut", "pear", "pebble",
    "pelican", "peony", "petal", "petrel", "pier", "pine", "pinion", "planet", "plateau", "plaza", "plover", "plum",
    "pollen", "pond", "poplar", "poppy", "prairie", "prism", "puffin", "puma", "quail", "quarry", "quartz", "quasar",
    "quay", "quince", "raccoon", "rain", "raven", "ravine", "reed", "reef", "ridge", "river", "robin", "rook", "root",
    "rose", "rowan", "rye", "saffron", "sage", "salmon", "sapling", "savanna", "sedge", "seed", "sequoia", "sesame",
    "shale", "shell", "shoal", "shore", "shrike", "shrub", "sierra", "slate", "sloe", "slope", "snipe", "snow",
    "sorrel", "sparrow", "sphere", "spindle", "spring", "spruce", "squid", "stag", "star", "steppe", "stoat", "stone",
    "stork", "strait", "stream", "sumac", "summit", "sundial", "sunset", "swallow", "swan", "swift", "tansy", "tapir",
    "teal", "temple", "tern", "terrace", "thicket", "thistle", "thrush", "thunder", "thyme", "tide", "tiger",
    "timber", "toad", "torrent", "tower", "trail", "trellis", "trout", "tulip", "tundra", "tunnel", "turtle", "twig",
    "twine", "valley", "vanilla", "vervain", "village", "vine", "viola", "violet", "viper", "vista", "volcano",
    "vole", "walnut", "warbler", "water", "wave", "weasel", "wetland", "whale", "wharf", "wheat", "whistle", "willow",
    "wind", "wisp", "wolf", "wombat", "wood", "wren", "yak", "yarrow", "yew", "yucca", "zebra", "zenith", "zephyr",
    "zinnia",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn words_fit_and_are_many() {
        for list in [PREDICATES, NOUNS] {
            let unique: HashSet<_> = list.iter().collect();
            assert_eq!(unique.len(), list.len());
            assert!(list.len() >= 300);
            for word in list {
                assert!((2..=7).contains(&word.len()), "{word}");
                assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            }
        }
        let longest = |list: &[&str]| list.iter().map(|word| word.len()).max().unwrap();
        let number = MAX_NUMBER.to_string().len();
        assert!(longest(PREDICATES) + longest(NOUNS) + number + 2 <= MAX_LENGTH);
    }

    #[test]
    fn names_look_like_names() {
        let names: Vec<String> = (0..2000).map(|_| random_run_name()).collect();
        for name in &names {
            assert!(name.len() <= MAX_LENGTH, "{name}");
            let parts: Vec<&str> = name.split('-').collect();
            let [predicate, noun, number] = parts[..] else { panic!("{name}") };
            assert!(PREDICATES.contains(&predicate) && NOUNS.contains(&noun), "{name}");
            assert!(number.parse::<u16>().unwrap() <= MAX_NUMBER, "{name}");
        }
        assert!(names.iter().collect::<HashSet<_>>().len() > 1950);
    }
}
