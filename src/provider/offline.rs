pub struct Offline;
