// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FilBurn} from "./FilBurn.sol";

/// @title Who offers storage, and where
/// @notice A provider registers itself once, by its own address, with the product it offers (0: PDP storage) as capabilities:
/// keys with byte values, such as its service URL.
/// @dev Written from the published ABI of ServiceProviderRegistry 1.1.0, without its source. Removal is not offered.
contract ServiceProviderRegistry {
    struct ServiceProviderInfo {
        address serviceProvider;
        address payee;
        string name;
        string description;
        bool isActive;
    }

    struct ServiceProviderInfoView {
        uint256 providerId;
        ServiceProviderInfo info;
    }

    struct ServiceProduct {
        uint8 productType;
        string[] capabilityKeys;
        bool isActive;
    }

    struct ProviderWithProduct {
        uint256 providerId;
        ServiceProviderInfo providerInfo;
        ServiceProduct product;
        bytes[] productCapabilityValues;
    }

    struct PaginatedProviders {
        ProviderWithProduct[] providers;
        bool hasMore;
    }

    event ProviderRegistered(uint256 indexed providerId, address indexed serviceProvider, address indexed payee);
    event ProductAdded(
        uint256 indexed providerId,
        uint8 indexed productType,
        address serviceProvider,
        string[] capabilityKeys,
        bytes[] capabilityValues
    );
    event ProductUpdated(
        uint256 indexed providerId,
        uint8 indexed productType,
        address serviceProvider,
        string[] capabilityKeys,
        bytes[] capabilityValues
    );

    /// @notice A PDP product needs each of the seven keys that clients read.
    error InsufficientCapabilitiesForProduct(uint8 productType);

    string public constant VERSION = "1.1.0";
    /// @notice Burned at registration, so that ids cost something.
    uint256 public constant REGISTRATION_FEE = 5 ether;
    uint256 public constant MAX_CAPABILITIES = 24;
    uint256 public constant MAX_CAPABILITY_KEY_LENGTH = 32;
    uint256 public constant MAX_CAPABILITY_VALUE_LENGTH = 128;

    uint8 private constant PDP = 0;
    uint256 private constant MAX_NAME_LENGTH = 128;
    uint256 private constant MAX_DESCRIPTION_LENGTH = 256;

    uint256 private _count;
    mapping(uint256 providerId => ServiceProviderInfo) private _providers;
    mapping(uint256 providerId => ServiceProduct) private _products;
    mapping(uint256 providerId => mapping(string key => bytes)) private _capabilities;
    /// @notice Zero for an address that is not registered.
    mapping(address serviceProvider => uint256 providerId) public addressToProviderId;

    /// @notice Registers the caller. The whole fee must come with the call.
    function registerProvider(
        address payee,
        string calldata name,
        string calldata description,
        uint8 productType,
        string[] calldata capabilityKeys,
        bytes[] calldata capabilityValues
    ) external payable returns (uint256 providerId) {
        require(msg.value == REGISTRATION_FEE, "Incorrect fee amount");
        require(payee != address(0), "Payee cannot be zero address");
        require(addressToProviderId[msg.sender] == 0, "Address already registered");
        require(bytes(name).length <= MAX_NAME_LENGTH, "Name too long");
        require(bytes(description).length <= MAX_DESCRIPTION_LENGTH, "Description too long");
        providerId = ++_count;
        addressToProviderId[msg.sender] = providerId;
        _providers[providerId] = ServiceProviderInfo(msg.sender, payee, name, description, true);
        emit ProviderRegistered(providerId, msg.sender, payee);
        _setProduct(providerId, productType, capabilityKeys, capabilityValues);
        emit ProductAdded(providerId, productType, msg.sender, capabilityKeys, capabilityValues);
        FilBurn.takeFee(REGISTRATION_FEE);
    }

    /// @notice Replaces the capabilities of the caller's product.
    function updateProduct(uint8 productType, string[] calldata capabilityKeys, bytes[] calldata capabilityValues)
        external
    {
        uint256 providerId = addressToProviderId[msg.sender];
        require(providerId != 0, "Provider not registered");
        string[] storage old = _products[providerId].capabilityKeys;
        for (uint256 i = 0; i < old.length; i++) {
            delete _capabilities[providerId][old[i]];
        }
        _setProduct(providerId, productType, capabilityKeys, capabilityValues);
        emit ProductUpdated(providerId, productType, msg.sender, capabilityKeys, capabilityValues);
    }

    function getProvider(uint256 providerId) public view returns (ServiceProviderInfoView memory info) {
        _mustExist(providerId);
        return ServiceProviderInfoView(providerId, _providers[providerId]);
    }

    /// @notice Id 0 and an empty record for an address that is not registered.
    function getProviderByAddress(address providerAddress) external view returns (ServiceProviderInfoView memory info) {
        uint256 providerId = addressToProviderId[providerAddress];
        if (providerId != 0) return getProvider(providerId);
    }

    function getProviderIdByAddress(address providerAddress) external view returns (uint256) {
        return addressToProviderId[providerAddress];
    }

    function isRegisteredProvider(address provider) external view returns (bool) {
        return addressToProviderId[provider] != 0;
    }

    function isProviderActive(uint256 providerId) external view returns (bool) {
        _mustExist(providerId);
        return _providers[providerId].isActive;
    }

    function getProviderPayee(uint256 providerId) external view returns (address payee) {
        _mustExist(providerId);
        return _providers[providerId].payee;
    }

    function getProviderCount() external view returns (uint256) {
        return _count;
    }

    function activeProviderCount() external view returns (uint256) {
        return _count;
    }

    function getNextProviderId() external view returns (uint256) {
        return _count + 1;
    }

    function getProviderWithProduct(uint256 providerId, uint8 productType)
        public
        view
        returns (ProviderWithProduct memory provider)
    {
        _mustExist(providerId);
        require(productType == PDP, "Product type not offered");
        string[] memory keys = _products[providerId].capabilityKeys;
        bytes[] memory values = new bytes[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) {
            values[i] = _capabilities[providerId][keys[i]];
        }
        return ProviderWithProduct(providerId, _providers[providerId], _products[providerId], values);
    }

    /// @notice Providers by ascending id. All of them are active: removal is not offered.
    function getProvidersByProductType(uint8 productType, bool, uint256 offset, uint256 limit)
        external
        view
        returns (PaginatedProviders memory result)
    {
        uint256 available = productType == PDP && _count > offset ? _count - offset : 0;
        uint256 length = available < limit ? available : limit;
        result.providers = new ProviderWithProduct[](length);
        for (uint256 i = 0; i < length; i++) {
            result.providers[i] = getProviderWithProduct(offset + i + 1, productType);
        }
        result.hasMore = available > length;
    }

    function _setProduct(uint256 providerId, uint8 productType, string[] calldata keys, bytes[] calldata values)
        private
    {
        require(productType == PDP, "Product type not offered");
        require(keys.length == values.length, "Keys and values arrays must have same length");
        require(keys.length <= MAX_CAPABILITIES, "Too many capabilities");
        for (uint256 i = 0; i < keys.length; i++) {
            require(
                bytes(keys[i]).length > 0 && bytes(keys[i]).length <= MAX_CAPABILITY_KEY_LENGTH, "Invalid key length"
            );
            require(values[i].length > 0 && values[i].length <= MAX_CAPABILITY_VALUE_LENGTH, "Invalid value length");
            require(_capabilities[providerId][keys[i]].length == 0 || !_repeats(keys, i), "Duplicate capability key");
            _capabilities[providerId][keys[i]] = values[i];
        }
        _products[providerId] = ServiceProduct(productType, keys, true);
        if (!_complete(providerId)) revert InsufficientCapabilitiesForProduct(productType);
    }

    function _repeats(string[] calldata keys, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < index; i++) {
            if (keccak256(bytes(keys[i])) == keccak256(bytes(keys[index]))) return true;
        }
        return false;
    }

    function _complete(uint256 providerId) private view returns (bool) {
        mapping(string key => bytes) storage has = _capabilities[providerId];
        return has["serviceURL"].length > 0 && has["minPieceSizeInBytes"].length > 0
            && has["maxPieceSizeInBytes"].length > 0 && has["storagePricePerTibPerDay"].length > 0
            && has["minProvingPeriodInEpochs"].length > 0 && has["location"].length > 0
            && has["paymentTokenAddress"].length > 0;
    }

    /// @dev The SDK tells this state by its text.
    function _mustExist(uint256 providerId) private view {
        require(providerId > 0 && providerId <= _count, "Provider does not exist");
    }
}
